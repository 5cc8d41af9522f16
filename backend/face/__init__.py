"""The face as MediaPipe knows it: mesh, landmark sets, landmarker."""
