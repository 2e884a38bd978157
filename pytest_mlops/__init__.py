"""The gate between a trained model and production."""
