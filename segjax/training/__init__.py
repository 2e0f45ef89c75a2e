"""One pure step, one loop, and what a run needs around them."""
