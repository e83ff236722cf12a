"""What SageMaker asks of a serving container, tried on a running one: `perennial check-container`."""
