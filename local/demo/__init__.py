"""The main job on real data, watched: `make demo`."""
