"""What is done to scores and label maps after the network."""
