"""A WordNet of a few dozen synsets written as an indented outline; for tests that need a hierarchy, not its files."""

from novic_ros.vocabulary.hierarchy import Synset, WordNet

OUTLINE = """
entity
  object
    whole
      living thing
        organism
          animal
            dog, domestic dog
              terrier
                bull terrier
                fox terrier
              poodle
            cat
              tabby
              siamese cat
            bird
              duck
              goose
      artifact
        instrument
          musical instrument
            guitar
            piano, pianoforte
            drum
        vehicle
          car, automobile
            taxi
            minivan
          truck
            fire engine
"""


def tiny_wordnet(outline=OUTLINE):
    """A WordNet from an outline: one synset per line, its words separated by commas, its offset the line's number."""
    synsets, senses, above = {}, {}, []
    for number, line in enumerate(filter(str.strip, outline.splitlines()), start=1):
        depth = (len(line) - len(line.lstrip())) // 2
        words = tuple(word.strip() for word in line.split(","))
        offset = f"{number:08d}"
        above[depth:] = [offset]
        kind = "artifact"
        if any("animal" in synsets[parent].words for parent in above[:depth]):
            kind = "animal"
        synsets[offset] = Synset(offset, kind, words, tuple(above[max(0, depth - 1):depth]), False,
                                 f"a kind of {words[0]}; for example")
        for word in words:
            senses[word] = (*senses.get(word, ()), offset)
    return WordNet(synsets, senses)


def offset_of(wordnet, word):
    """The offset of a word's first sense."""
    return wordnet.senses[word][0]
