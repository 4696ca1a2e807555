"""Tables and pictures of models: costs, speed, usage of experts, and the course of a training."""
