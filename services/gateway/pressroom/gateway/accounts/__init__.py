"""Users, their logins and their keys: who a caller is, and what lets them in."""
