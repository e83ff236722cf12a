"""AWS on loopback: MiniStack plus our SageMaker, SageMaker Runtime and Application Auto Scaling."""
