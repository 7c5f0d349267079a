"""The site vocabulary: reading its lists, every fault at once, and what it lets be said."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.vocabulary import SiteVocabulary, VocabularyError, canonical

NOUNS = ("dog", "cat", "sofa", "couch", "T-shirt", "fire engine")


def faults(**lists):
    """What `read` complains of: one line, without the words that every message begins with."""
    with pytest.raises(VocabularyError) as error:
        SiteVocabulary.read(**lists)
    text = str(error.value)
    assert text.startswith("site vocabulary: ")
    assert "\n" not in text
    return text.removeprefix("site vocabulary: ").split("; ")


def doubts(nouns=NOUNS, broader=("animal", "vehicle"), **lists):
    known = frozenset(map(canonical, nouns))
    return SiteVocabulary.read(**lists).doubts(nouns, broader, lambda word: canonical(word) in known)


# ---- reading --------------------------------------------------------------------------------------------------------


def test_nothing_given_lets_everything_be_said():
    site = SiteVocabulary.read()
    assert site == SiteVocabulary() == SiteVocabulary.read([""], ["", "  "], [""], [""])  # ROS's empty lists
    assert site.renamed("T-shirt") == "T-shirt"
    assert site.may_say("anything") and site.may_broaden_to("anything")


def test_words_are_kept_as_written_but_for_blanks():
    site = SiteVocabulary.read([" Fire   Engine ", "T-shirt"], ["Tee"], ["Dog"], [" t shirt =  Tee  Shirt"])
    assert site.guide == ("Fire Engine", "T-shirt")
    assert (site.allow, site.deny) == (("Tee",), ("Dog",))
    assert site.remap == (("t shirt", "Tee Shirt"),)


def test_files_stand_for_their_lines(tmp_path):
    (tmp_path / "never.txt").write_bytes("\ufeff# not here\nweapon # a comment\r\n\n  café  noir\n".encode())
    (tmp_path / "names with  blanks.txt").write_text("couch = sofa\nsettee=sofa\n")
    site = SiteVocabulary.read(deny=["dog", f"@{tmp_path}/never.txt", "cat"],
                               remap=[f" @{tmp_path}/names with  blanks.txt ", "a=b"])
    assert site.deny == ("dog", "weapon", "café noir", "cat")
    assert site.remap == (("couch", "sofa"), ("settee", "sofa"), ("a", "b"))


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "nouns.txt").write_text("dog\n")
    assert SiteVocabulary.read(guide=["@~/nouns.txt"]).guide == ("dog",)
    assert "no such file" in faults(guide=["@~nobody-at-all/nouns.txt"])[0]


def test_every_fault_is_named_with_its_place(tmp_path):
    (tmp_path / "deny.txt").write_text("dog\n\n???  # nothing\nDOG\n@more.txt\n")
    (tmp_path / "remap.txt").write_text("sofa=couch\ncouch\na=b=c\n =d\n")
    found = faults(
        guide=["cat", "Cat", "--"], allow=[f"@{tmp_path}/absent.txt", "@"], deny=[f"@{tmp_path}/deny.txt"],
        remap=["sofa=settee", f"@{tmp_path}/remap.txt", "chair=sofa"])
    for part in (
        "guide: 'Cat' is there twice", "guide: '--' has no letter or digit",
        f"allow: {tmp_path}/absent.txt: expected a text file with one entry per line, found no such file",
        "allow: expected a file's path after @",
        f"deny: {tmp_path}/deny.txt:3: '???' has no letter or digit",
        f"deny: {tmp_path}/deny.txt:4: 'DOG' is there twice",
        f"deny: {tmp_path}/deny.txt:5: expected an entry, got '@more.txt'",
        f"remap: {tmp_path}/remap.txt:1: 'sofa' is there twice", f"remap: {tmp_path}/remap.txt:2: expected FROM=TO",
        f"remap: {tmp_path}/remap.txt:3: expected FROM=TO, got 'a=b=c'",
        f"remap: {tmp_path}/remap.txt:4: '' has no letter or digit",
        "remap: 'chair' becomes 'sofa', which is itself renamed",
    ):
        assert any(fault.startswith(part) for fault in found), part
    assert len(found) == 12


def test_a_long_list_of_faults_is_cut():
    found = faults(deny=["dog"] * 31)
    assert len(found) == 21
    assert found[-1] == "and 10 more"


@pytest.mark.parametrize(("content", "part"), [
    (b"dog\ncat\ncaf\xe9\n", "found byte 0xe9 in line 3: save it as UTF-8"),
    ("dog\n".encode("utf-16"), "found byte 0xff in line 1"),
    (b"\x80", "found byte 0x80 in line 1"),
    (b"x" * (17 << 20), "found more than 16777216 bytes"),
])
def test_what_is_no_text_file(tmp_path, content, part):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    text = "; ".join(faults(deny=[f"@{path}"]))
    assert text.startswith(f"deny: {path}: expected UTF-8 text with one entry per line")
    assert part in text


@pytest.mark.parametrize("path", ["/", "/dev/zero", "/dev/null"])
def test_what_is_no_file(path):
    assert faults(guide=[f"@{path}"]) == [
        f"guide: {path}: expected UTF-8 text with one entry per line, found a folder or a device"]


def test_an_empty_file_is_refused_where_none_means_all(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# nothing yet\n")
    for name in ("guide", "allow"):
        assert faults(**{name: [f"@{path}"]}) == [f"{name}: {path}: expected at least one entry, found none"]
    assert SiteVocabulary.read(deny=[f"@{path}"], remap=[f"@{path}"]) == SiteVocabulary()


@pytest.mark.parametrize(("lists", "part"), [
    ({"guide": "dog"}, "guide: expected a list of text, got 'dog'"),
    ({"deny": ["dog", 7]}, "deny: expected a list of text"),
    ({"remap": [("a", "b")]}, "remap: expected a list of text"),
    ({"deny": ["dog\0cat"]}, "deny: 'dog\\x00cat' holds a character that cannot be printed"),
    ({"remap": ["a=b\x1b[31m"]}, "remap: 'b\\x1b[31m' holds a character"),
    ({"guide": ["@no\0file"]}, "guide: "),
])
def test_what_else_is_refused(lists, part):
    assert faults(**lists)[0].startswith(part)


@pytest.mark.parametrize(("lists", "part"), [
    ({"guide": "dog"}, "expected guide as a list, got 'dog'"),
    ({"allow": None}, "expected allow as a list, got None"),
    ({"deny": (7,)}, "deny: expected text, got 7"),
    ({"remap": ("a=b",)}, r"remap: expected a pair \(from, to\), got 'a=b'"),
    ({"remap": (("a", None),)}, "remap: expected text, got None"),
    ({"remap": (("a", "b"), ("A", "c"))}, "remap: 'A' is there twice"),
    ({"guide": ("a", "A"), "deny": ("?",)}, "guide: 'A' is there twice; deny: '\\?' has no letter"),
])
def test_a_vocabulary_checks_itself(lists, part):
    with pytest.raises(VocabularyError, match=part):
        SiteVocabulary(**lists)


def test_a_word_may_be_spelled_anew_but_not_renamed_in_a_chain():
    assert SiteVocabulary.read(remap=["t shirt=T-Shirt", "sofa=Sofa"]).renamed("sofa") == "Sofa"
    assert "itself renamed" in faults(remap=["sofa=Sofa", "couch=sofa"])[0]
    assert len([fault for fault in faults(remap=["a=b", "b=a"]) if "itself renamed" in fault]) == 2


# ---- what it lets be said -------------------------------------------------------------------------------------------


def test_deny_holds_before_and_after_renaming():
    site = SiteVocabulary.read(deny=["Couch", "gun"], remap=["couch=sofa", "pistol=gun", "cat=kitty"])
    assert site.renamed("couch") == "couch" and not site.may_say("couch")  # it does not come back as a sofa
    assert site.renamed("Pistol") == "gun" and not site.may_say("gun")
    assert site.renamed("CAT") == "kitty" and site.may_say("kitty")
    assert site.may_say("sofa")


def test_allow_is_asked_for_the_new_name():
    site = SiteVocabulary.read(allow=["sofa", "dog"], deny=["dog"], remap=["couch=Sofa"])
    assert site.may_say(site.renamed("couch")) and site.may_say("SOFA")
    assert not site.may_say("couch") and not site.may_say("chair")
    assert not site.may_say("dog")


def test_broader_words_keep_to_the_guide_or_are_allowed():
    site = SiteVocabulary.read(guide=["dog", "Sea-Lion"], allow=["dog", "creature"], remap=["animal=creature"])
    assert site.may_broaden_to("dog") and site.may_broaden_to("sea lion")
    assert site.may_broaden_to("animal") and not site.may_broaden_to("thing")
    assert SiteVocabulary.read(allow=["dog"]).may_broaden_to("thing")  # may_say is asked as well


word = st.sampled_from(["dog", "Dog", "cat", "sofa", "couch", "chair"])
unique = st.lists(word, unique_by=canonical, max_size=4)


@given(unique, unique, unique, st.lists(st.tuples(word, word), unique_by=lambda pair: canonical(pair[0]), max_size=3),
       word)
def test_denied_words_are_never_said_and_only_allowed_ones_are(guide, allow, deny, remap, found):
    try:
        site = SiteVocabulary(tuple(guide), tuple(allow), tuple(deny), tuple(remap))
    except VocabularyError as error:
        assert "itself renamed" in str(error)
        return
    said = site.renamed(found)
    assert site.renamed(said) == said or canonical(said) == canonical(found)  # once is enough
    denied, allowed = set(map(canonical, deny)), set(map(canonical, allow))
    if site.may_say(said):
        assert not {canonical(found), canonical(said)} & denied
        assert not allowed or canonical(said) in allowed


# ---- what is probably not meant -------------------------------------------------------------------------------------


def test_a_sensible_vocabulary_raises_no_doubts():
    assert doubts() == []
    assert doubts(guide=["dog", "T Shirt"], allow=["dog", "creature", "t-shirt"], deny=["cat"],
                  remap=["animal=creature"]) == []


@pytest.mark.parametrize(("lists", "part"), [
    ({"guide": ["dog", "Sea lion"]}, "in the guide, but outside the decoder's vocabulary, so it may be named less "
                                     "well: Sea lion"),
    ({"guide": ["dog", "cat"], "deny": ["DOG"]}, "in the guide, but may not be said: dog"),
    ({"guide": ["dog", "cat"], "allow": ["cat"]}, "in the guide, but may not be said: dog"),
    ({"allow": ["dog", "cat"], "deny": ["dog"]}, "both allowed and denied, so not said: dog"),
    ({"allow": ["dog", "couch"], "remap": ["couch=sofa"]}, "allowed by a name that remap replaces: couch"),
    ({"deny": ["Dgo", "cat", "wheel"]}, "nothing that the model can find, so naming it has no effect: Dgo, wheel"),
    ({"remap": ["cuoch=sofa"]}, "nothing that the model can find, so naming it has no effect: cuoch"),
])
def test_doubts(lists, part):
    assert doubts(**lists) == [f"site vocabulary: {part}"]


def test_words_that_only_the_site_knows_are_no_doubt():
    """New names, nouns of the guide and broader words may be named as well."""
    assert doubts(allow=["Seat", "animal"], deny=["vehicle"], remap=["sofa=seat", "couch=seat"]) == []
    assert not any("can find" in doubt for doubt in doubts(guide=["sea lion", "dog"], deny=["Sea-lion"]))


def test_a_long_doubt_is_cut():
    (doubt,) = doubts(deny=[f"word {number}" for number in range(30)])
    assert doubt.endswith("word 18, word 19 and 10 more")


@pytest.mark.parametrize("lists", [
    {"guide": ["dog"], "deny": ["dog"]}, {"allow": ["unicorn"]}, {"allow": ["dog"], "deny": ["dog"]},
    {"allow": ["couch"], "remap": ["couch=sofa"]}])
def test_nothing_left_to_say_is_refused(lists):
    with pytest.raises(VocabularyError, match="expected at least one word that may be said"):
        doubts(**lists)


def test_a_broader_word_is_something_to_say():
    assert doubts(allow=["animal"]) == []


def test_twenty_thousand_nouns_take_a_moment():
    nouns = tuple(f"noun number {number}" for number in range(20_000))
    begin = time.process_time()
    site = SiteVocabulary.read(guide=nouns)
    assert site.doubts(nouns, (), lambda word: True) == []
    assert time.process_time() - begin < 2
