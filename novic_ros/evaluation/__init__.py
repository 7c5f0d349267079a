"""How good labels are: scores on plain data, with k of n and intervals. Loads no model."""
