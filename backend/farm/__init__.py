"""Lines and trainings as jobs of a render farm: Open Job Description and Flamenco."""
