"""The morning round: which tanks are to be read, in walking order, and what is expected of each; also without Wi-Fi."""
