"""The recipes that come with the package, one YAML file each; `recipe.py` reads them. There is no code here."""
