"""Phrases that are made up where nobody speaks, in the scripts they come in; and speech that only begins like one."""

import pytest

from earwitness.stages.phantoms import CREDITS, MAYBE_CREDITS, SAYINGS, is_credit, is_saying, plain


@pytest.mark.parametrize(
    "text",
    [
        "Subtitles by the Amara.org community",
        "Transcription by CastingWords",
        "Captioned by Jane Q. Public",
        "Untertitel der Amara.org-Community",
        "Untertitelung aufgrund der Amara.org-Community",
        "Untertitelung des ZDF, 2020",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Untertitel von Erika Mustermann",
        "Copyright WDR 2021",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Sous-titres réalisés para la communauté d’Amara.org",
        "Sous-titres par l'Amara.org",
        "Sous-titrage ST' 501",
        "Sous-titrage ST'501",
        "Sous-titrage Société Radio-Canada",
        "❤️ par SousTitreur.com",
        "Subtítulos realizados por la comunidad de Amara.org",
        "¡Subtítulos en español de Amara.org!",
        "Legendas pela comunidade Amara.org",
        "Transcrição e Legendas por Fulano de Tal",
        "Sottotitoli creati dalla comunità Amara.org",
        "Sottotitoli e revisione a cura di QTSS.",
        "Ondertitels ingediend door de Amara.org gemeenschap",
        "TV GELDERLAND 2021",
        "Undertexter från Amara.org-gemenskapen",
        "Svensktextning.nu",
        "Teksting av Kari Nordmann",
        "Zdjęcia i napisy stworzone przez społeczność Amara.org",
        "Titulky vytvořil Jan Novák",
        "Субтитры сделал Некто",
        "Субтитры создавал Некто Нектович",
        "Редактор субтитров А.Некто Корректор Б.Некто",
        "Altyazı M.K.",
        "Υπότιτλοι AUTHORWAVE",
        "字幕由Amara.org社区提供",
        "小編字幕由 Amara.org 社區提供",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "字幕志愿者 某某某",
        "中文字幕製作人 某某",
        "优优独播剧场——YoYo Television Series Exclusive",
        "MING PAO CANADA // MING PAO TORONTO",
        "한글자막 by 아무개",
    ],
)
def test_credits_are_known_in_any_script_and_with_any_name(text: str) -> None:
    assert is_credit(text)


@pytest.mark.parametrize(
    "text",
    [
        "We use Amara.org for the subtitles.",
        "Subtitles on Amara.org are made by volunteers in many languages.",
        "He went by the river with his captions.",
        "Die Untertitel von gestern waren wirklich nicht besonders gut.",
        "Les sous-titres ne marchent pas.",
        "Субтитры сделал я сам вчера вечером и сегодня утром.",
        "Altyazı nedir diye sordu bana.",
        "字幕はありません",
        "Thank you for watching.",
        "",
    ],
)
def test_speech_about_subtitles_is_no_credit(text: str) -> None:
    assert not is_credit(text)


@pytest.mark.parametrize(
    "text",
    [
        "You",
        "Mm-hmm.",
        " Thanks for watching! ",
        "Vielen Dank fürs Zuschauen.",
        "Merci d’avoir regardé cette vidéo !",
        "¡Gracias por ver el video!",
        "Obrigado por assistir.",
        "Grazie per la visione.",
        "Bedankt voor het kijken.",
        "Dziękuję za uwagę.",
        "Продолжение следует...",
        "İzlediğiniz için teşekkür ederim.",
        "اشتركوا في القناة",
        "धन्यवाद।",
        "ขอบคุณที่รับชม",
        "謝謝觀看",
        "ご視聴ありがとうございました。",
        "시청해 주셔서 감사합니다.",
        "www.example.org",
        "ترجمة فلان الفلاني",
    ],
)
def test_sayings_are_known_in_any_script(text: str) -> None:
    assert is_saying(text)
    assert not is_credit(text)


@pytest.mark.parametrize("text", ["", "...", "You know", "Thank you for the flowers", "ありがとう", "ご視聴ください"])
def test_other_words_are_no_sayings(text: str) -> None:
    assert not is_saying(text)


def test_text_is_compared_without_case_and_marks_but_with_its_accents() -> None:
    assert plain(" L’Été, à  ＺÜRICH—straße! ") == "l été à zürich strasse"
    assert plain("धन्यवाद।") == "धन्यवाद"


def test_the_data_is_in_the_form_it_is_compared_in() -> None:
    assert all(plain(phrase) == phrase and " " not in phrase for phrase in SAYINGS)
    assert not any(p.fullmatch("") for p in (*CREDITS, *MAYBE_CREDITS))
