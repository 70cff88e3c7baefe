"""What every package stands on: errors, devices, model folders, archives, command lines."""
