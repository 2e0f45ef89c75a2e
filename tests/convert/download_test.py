"""A file is fetched once, resumably, and only the right one gets its name."""

import contextlib
import errno
import hashlib
import http.server
import importlib
import io
import multiprocessing
import pathlib
import re
import resource
import sys
import threading

import pytest

from segjax import convert
from segjax.convert import urls

download = importlib.import_module("segjax.convert.download")
"""The module, which has the name of its function."""

BODY = bytes(range(256)) * 20_000  # Over four of the reader's chunks.
SHA256 = hashlib.sha256(BODY).hexdigest()
NAME = f"weights-{SHA256[:8]}.pth"
DROP = 2_000_000


class Handler(http.server.BaseHTTPRequestHandler):
  """Serves BODY, in the way that the server's `faults` say."""

  def do_GET(self):
    self.server.requests.append(self.headers.get("Range"))
    faults, name = self.server.faults, self.path.rpartition("/")[2]
    status = self.server.statuses.pop(0) if self.server.statuses else 200
    if status != 200 or name == "missing-00000000.pth":
      self.send_error(status if status != 200 else 404)
      return
    body = b"not found, says a proxy" if "wrong" in faults else BODY
    start = 0
    asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
    if asked and "no ranges" not in faults:
      start = int(asked[1])
      if start >= len(body):
        self.send_response(416)
        self.send_header("Content-Range", f"bytes */{len(body)}")
        self.end_headers()
        return
      self.send_response(206)
      end = len(body) - 1
      self.send_header("Content-Range", f"bytes {start}-{end}/{len(body)}")
    else:
      self.send_response(200)
    self.send_header("Content-Length", str(len(body) - start))
    self.end_headers()
    stop = len(body)
    if "drop" in faults:
      stop = start + DROP
    if "drop once" in faults:
      faults.remove("drop once")
      stop = start + DROP
    if "dead" in faults:
      stop = start
    with contextlib.suppress(OSError):
      self.wfile.write(body[start:stop])

  def log_message(self, *_):
    pass


@pytest.fixture
def server(monkeypatch):
  monkeypatch.setattr(download, "PAUSE", 0.001)
  with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    server.faults, server.statuses, server.requests = set(), [], []
    server.url = f"http://127.0.0.1:{server.server_port}/models/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


def part(folder):
  return folder / f"{NAME}.part"


def test_a_file_is_fetched_once(server, tmp_path):
  for _ in range(2):
    path = convert.download(server.url + NAME, folder=tmp_path)
    assert path == tmp_path / NAME
    assert path.read_bytes() == BODY
  assert server.requests == [None]
  assert [p.name for p in tmp_path.iterdir()] == [NAME]


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
  (tmp_path / NAME).write_bytes(BODY[:-1])
  assert convert.download(server.url + NAME, folder=tmp_path).read_bytes() == (
      BODY
  )


def test_dropped_connections_are_resumed_where_they_ended(server, tmp_path):
  server.faults.add("drop")
  path = convert.download(server.url + NAME, folder=tmp_path)
  assert path.read_bytes() == BODY
  assert server.requests == [None, f"bytes={DROP}-", f"bytes={2 * DROP}-"]


def test_a_later_call_goes_on_where_the_first_gave_up(server, tmp_path):
  server.faults.add("dead")
  part(tmp_path).write_bytes(BODY[:DROP])
  with pytest.raises(OSError, match=r"failed 5 times.*2,000,000 bytes are kep"):
    convert.download(server.url + NAME, folder=tmp_path)
  assert part(tmp_path).stat().st_size == DROP
  assert len(server.requests) == download.ATTEMPTS
  server.faults.clear()
  server.requests.clear()
  path = convert.download(server.url + NAME, folder=tmp_path)
  assert path.read_bytes() == BODY
  assert server.requests == [f"bytes={DROP}-"]


def test_a_server_without_ranges_is_asked_from_the_start(server, tmp_path):
  server.faults.update(("no ranges", "drop once"))
  path = convert.download(server.url + NAME, folder=tmp_path)
  assert path.read_bytes() == BODY
  server.faults.update(("no ranges", "drop"))
  with pytest.raises(OSError, match="failed 5 times"):
    convert.download(server.url + "b" + NAME, folder=tmp_path)


def test_a_part_that_is_complete_is_only_checked(server, tmp_path):
  part(tmp_path).write_bytes(BODY)
  path = convert.download(server.url + NAME, folder=tmp_path)
  assert path.read_bytes() == BODY
  assert server.requests == [f"bytes={len(BODY)}-"]


@pytest.mark.parametrize("size", (1000, len(BODY), len(BODY) + 1))
def test_a_part_of_another_file_is_thrown_away(server, tmp_path, size):
  part(tmp_path).write_bytes(b"x" * size)
  path = convert.download(server.url + NAME, folder=tmp_path)
  assert path.read_bytes() == BODY


def test_a_wrong_file_is_an_error_with_both_prefixes(server, tmp_path):
  server.faults.add("wrong")
  message = rf"begins with \w{{8}}, not with {SHA256[:8]}"
  with pytest.raises(ValueError, match=message):
    convert.download(server.url + NAME, folder=tmp_path)
  assert not list(tmp_path.iterdir())


def test_a_missing_file_is_an_error_with_its_url(server, tmp_path):
  url = server.url + "missing-00000000.pth"
  with pytest.raises(FileNotFoundError, match=f"{url}.*404"):
    convert.download(url, folder=tmp_path)
  assert len(server.requests) == 1


def test_a_refusal_is_not_repeated_and_an_overload_is(server, tmp_path):
  server.statuses[:] = [403]
  with pytest.raises(OSError, match=r"refuses.*403"):
    convert.download(server.url + NAME, folder=tmp_path)
  server.statuses[:] = [503, 429]
  path = convert.download(server.url + NAME, folder=tmp_path)
  assert path.read_bytes() == BODY


def test_nobody_listening_is_an_error_with_the_reason(server, tmp_path):
  url = "http://127.0.0.1:9/" + NAME
  with pytest.raises(OSError, match=r"failed 5 times .*refused"):
    convert.download(url, folder=tmp_path)


def test_a_full_disk_is_an_error_and_keeps_what_came(server, tmp_path):
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, before[1]))
  try:
    with pytest.raises(OSError, match="3,000,000 bytes are kept") as caught:
      convert.download(server.url + NAME, folder=tmp_path)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
  assert caught.value.errno == errno.EFBIG
  path = convert.download(server.url + NAME, folder=tmp_path)
  assert path.read_bytes() == BODY
  assert server.requests == [None, "bytes=3000000-"]


def test_a_file_larger_than_the_disk_is_refused(server, tmp_path, monkeypatch):
  usage = download.shutil.disk_usage(tmp_path)._replace(free=1000)
  monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
  with pytest.raises(OSError, match="5,120,000 bytes are to come and 1,000"):
    convert.download(server.url + NAME, folder=tmp_path)


def _worker(url, folder, results):
  results.put(convert.download(url, folder=folder))


def test_processes_that_want_the_same_file_fetch_it_once(server, tmp_path):
  context = multiprocessing.get_context("spawn")
  results = context.Queue()
  arguments = (server.url + NAME, tmp_path, results)
  workers = [context.Process(target=_worker, args=arguments) for _ in range(2)]
  for worker in workers:
    worker.start()
  assert {results.get(timeout=120) for _ in workers} == {tmp_path / NAME}
  for worker in workers:
    worker.join()
  assert server.requests == [None]
  assert [p.name for p in tmp_path.iterdir()] == [NAME]


def test_a_prefix_can_be_given_for_a_name_without(server, tmp_path):
  url = server.url + "weights.pth?raw=true"
  with pytest.raises(ValueError, match="8 to 64 hexadecimal digits"):
    convert.download(url, folder=tmp_path)
  path = convert.download(url, SHA256, folder=tmp_path)
  assert path.read_bytes() == BODY
  assert path.name == f"{SHA256}-weights.pth"


@pytest.mark.parametrize(
    "name, message",
    (
        ("file:///etc/passwd-01234567.pth", "by http and https only"),
        ("http://127.0.0.1/", "does not end with the name of a file"),
        ("semseg/pspnet50", "get one from github.com/hszhao/semseg"),
        ("nobody/nothing", "get one from its authors' pages"),
    ),
)
def test_what_cannot_be_fetched_says_why(name, message, tmp_path):
  with pytest.raises(ValueError, match=message):
    convert.download(name, folder=tmp_path)


def test_progress_is_shown_where_somebody_watches(
    server, tmp_path, monkeypatch
):
  class Terminal(io.StringIO):

    def isatty(self):
      return True

  monkeypatch.setattr(sys, "stderr", Terminal())
  convert.download(server.url + NAME, folder=tmp_path)
  assert NAME in sys.stderr.getvalue()
  assert "100%" in sys.stderr.getvalue()


def test_the_cache_is_where_the_user_says(monkeypatch):
  for name in ("SEGJAX_WEIGHTS", "XDG_CACHE_HOME"):
    monkeypatch.delenv(name, raising=False)
  home = pathlib.Path.home()
  assert download.cache_dir() == home / ".cache" / "segjax" / "weights"
  monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
  assert download.cache_dir() == pathlib.Path("/var/cache/segjax/weights")
  monkeypatch.setenv("SEGJAX_WEIGHTS", "/weights")
  assert download.cache_dir() == pathlib.Path("/weights")


def test_every_known_file_can_be_checked_and_every_source_has_a_home():
  for source, url in urls.URLS.items():
    assert re.search(r"-[0-9a-f]{8,9}\.pth$", url), source
    assert source in convert.sources()
  for source in convert.sources():
    assert source.partition("/")[0] in urls.HOMES, source
