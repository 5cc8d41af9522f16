"""What tests share: scenes, subjects, processes with pretended work."""
