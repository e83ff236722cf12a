"""Sets up, starts, deploys and stops the laptop twin: what stands behind `make setup`, `make up` and `make down`."""
