"""The subject folder and the models in it: everything that is known of one person, as files."""
