"""What the lectures do with a trained model: applications beside the laboratory."""
