"""Models made from other models: initialisation, upcycling, densifying."""
