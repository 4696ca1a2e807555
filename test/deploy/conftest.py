"""The model folder that the tests share."""

from torch_folder import exp_dir, exported_folder, folder, of_checkpoint, sound

__all__ = ["exp_dir", "exported_folder", "folder", "of_checkpoint", "sound"]
