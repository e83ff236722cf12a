"""The SageMaker image of Perennial: trains tabular models and serves them."""
