"""What a trained model does inside, as tables and pictures."""
