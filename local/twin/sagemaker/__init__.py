"""Amazon SageMaker: one module per family of operations, each with a `register(service, world)`."""
