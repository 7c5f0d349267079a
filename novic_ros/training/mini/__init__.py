"""The embedded model novic_mini, rebuilt from WordNet and two packages that ship weights: `make train-mini`."""
