"""Generator of the demonstration city: real places and facts, generated roofs and register."""
