"""Phrases that recognisers make up where nobody speaks: they learnt them from the ends of subtitled videos.

Two kinds. Credits ("Untertitel der Amara.org-Community") are written and not said, so a segment that is one is never
believed. Sayings ("Thanks for watching") are said by people too, and count as made up only where no clear voice is
heard. Credits with somebody's name are known by their pattern. Text is compared without case, marks and spaces, in any
script. Data and pure functions; knows nothing of sound.

Source: what users report of Whisper (github.com/openai/whisper, discussions 679 and 928), and Baranski et al.,
"Investigation of Whisper ASR Hallucinations Induced by Non-Speech Audio", 2025 (arXiv 2501.11378).
"""

import re
import unicodedata

_NAME = r"(?: \S+){1,4}"
_AMARA = r"(?: \S+){0,6} (?:d )?(?:l )?amara org(?: \S+){0,2}"
_SUBTITLES = (
    "subtitles?|captions?|untertitel(?:ung)?|sous titr(?:es?|age)|subt[ií]tul(?:os|ado)|legendas?|legendado|"
    "sottotitoli|ondertitel(?:s|ing)?|ondertiteld|undertexter|undertekster|teksting|napisy|tłumaczenie|titulky|"
    "feliratok|субтитры|субтитри|altyazı|subtitrarea?|tekstitys|υπότιτλοι"
)

CREDITS = tuple(
    re.compile(pattern)
    for pattern in (
        # any language: the community whose subtitles were learnt from
        rf"(?:\S+ (?:and|und|et|y|e|i|en|og|och) )?(?:{_SUBTITLES}){_AMARA}",
        r"(?:小編|中文)?字幕由 ?amara ?org ?社[区區]提供",
        # en
        rf"(?:transcripts?|transcription|transcribed|subtitl(?:es?|ed|ing)|caption(?:s|ed|ing)?)(?: \S+)? by{_NAME}",
        # de
        r"untertitel(?:ung)?(?: im auftrag)? (?:des|der|vom) (?:zdf|swr|wdr|ndr|br|ard|orf)(?: für funk)?(?: \d{4})?",
        rf"untertitel(?:ung)? (?:von|durch){_NAME}",
        r"(?:copyright )?(?:wdr|swr|ndr|zdf|orf|br) (?:19|20)\d\d",
        # fr
        r"sous titrage (?:st ?\d+|(?:de |par )?(?:la )?soci[ée]t[ée] radio canada)",
        rf"sous titr(?:es|age) (?:r[ée]alis[ée]s? |faits? |cr[ée][ée]s? )?par{_NAME}",
        r"(?:\S )?par soustitreur com",
        # es, pt, it, ro
        rf"subt[ií]tul(?:os|ado)(?: realizados| creados| hechos)? por{_NAME}",
        rf"legend(?:as|ado)(?: feitas| criadas| realizadas)? (?:por|pela|pelo){_NAME}",
        rf"(?:tradução|transcrição) e legendas(?: por)?{_NAME}",
        rf"sottotitoli(?: e revisione)? (?:creati da\S*|a cura di|di){_NAME}",
        rf"subtitrarea?(?: realizată| făcută)? (?:de|de către){_NAME}",
        # nl, sv, da, no
        rf"(?:ondertitel(?:s|ing)|ondertiteld)(?: ingediend| gemaakt)? (?:door|van){_NAME}",
        r"(?:tv gelderland|omroep \S+) \d{4}",
        rf"(?:undertexter|svensk ?textning|undertekster|danske tekster|teksting)(?: av| af| från| nu){_NAME}",
        r"svensk ?textning ?nu",
        # pl, cs, hu
        rf"(?:napisy|tłumaczenie)(?: \S+){{0,3}} (?:stworzone|wykonane|robione) przez{_NAME}",
        rf"titulky (?:vytvořil|vytvořila|přeložil|přeložila){_NAME}",
        rf"(?:magyar )?felirat(?:ok)?(?:ot)? (?:készítette|írta){_NAME}",
        # ru, uk
        rf"субтитры (?:сделал|делал|создавал|создал|подготовил|подогнал|предоставил|добавил)а?{_NAME}",
        r"(?:редактор субтитров(?: \S+){1,3} ?)(?:корректор(?: \S+){1,3})?",
        rf"субтитр[иы] (?:створив|створила|зробив|зробила){_NAME}",
        # tr, el
        r"altyazı(?: \S){1,3}",
        r"υπότιτλοι authorwave",
        # zh
        r"请不吝点赞 ?订阅 ?转发 ?打赏支持明镜与点点栏目",
        r"(?:中文)?字幕(?:志[愿願]者|[製制]作(?:人|者)?|by|提供者?) ?.{1,12}",
        r"[优優]{2}[独獨]播[剧劇][场場] ?yoyo television series exclusive",
        r"ming pao canada ming pao toronto",
        # ko
        r"(?:한글 ?)?자막 ?(?:by|제공|제작)(?: \S+){0,6}",
    )
)
"""Whole segments, as `plain` gives them, that nobody says."""

_SAYINGS = {
    "en": "you|thank you|thanks|thank you very much|thank you so much|thank you for watching|thanks for watching|"
    "thank you so much for watching|thanks for listening|please subscribe|please subscribe to my channel|"
    "like and subscribe|don't forget to subscribe|bye|bye bye|see you next time|see you in the next video|"
    "i'll see you in the next video|the end|music|applause|foreign|silence|mm|hmm|mm hmm|uh|um",
    "de": "vielen dank|vielen dank fürs zuschauen|danke fürs zuschauen|vielen dank für ihre aufmerksamkeit|"
    "bis zum nächsten mal|tschüss|das war's|musik",
    "fr": "merci|merci beaucoup|merci d'avoir regardé|merci d'avoir regardé cette vidéo|merci d'avoir regardé la vidéo|"
    "merci à tous|abonnez-vous|n'oubliez pas de vous abonner|au revoir|musique|générique",
    "es": "gracias|muchas gracias|gracias por ver|gracias por ver el video|gracias por ver el vídeo|suscríbete|"
    "suscríbete al canal|no olvides suscribirte|hasta la próxima|adiós|música",
    "pt": "obrigado|obrigada|muito obrigado|obrigado por assistir|inscreva-se no canal|até a próxima|"
    "até o próximo vídeo|tchau|música|e aí",
    "it": "grazie|grazie mille|grazie a tutti|grazie per la visione|grazie per aver guardato il video|"
    "iscrivetevi al canale|alla prossima|ciao|musica",
    "nl": "bedankt|dank je wel|bedankt voor het kijken|bedankt voor het kijken naar deze video|tot de volgende keer",
    "sv": "tack|tack för att ni tittade|tack för att du tittade",
    "da": "tak fordi du så med|tak for at I så med",
    "no": "takk|takk for at du så på|takk for at dere så på",
    "fi": "kiitos|kiitos kun katsoit",
    "pl": "dziękuję|dziękuję bardzo|dziękuję za uwagę|dziękuję za oglądanie|dzięki za oglądanie|do zobaczenia",
    "cs": "děkuji|děkuji za pozornost|děkujeme za sledování",
    "hu": "köszönöm|köszönöm, hogy megnézted|köszönöm a figyelmet",
    "ro": "mulțumesc|vă mulțumesc|mulțumesc pentru vizionare|vă mulțumesc pentru vizionare",
    "ru": "спасибо|спасибо за внимание|спасибо за просмотр|спасибо за субтитры|продолжение следует|"
    "подписывайтесь на канал|подписывайтесь на мой канал|до свидания|до новых встреч",
    "uk": "дякую|дякую за увагу|дякую за перегляд|дякуємо за перегляд|до зустрічі",
    "tr": "teşekkürler|teşekkür ederim|izlediğiniz için teşekkürler|izlediğiniz için teşekkür ederim|"
    "abone olmayı unutmayın|kanalıma abone olmayı unutmayın|müzik",
    "el": "ευχαριστώ|ευχαριστώ πολύ|ευχαριστώ που παρακολουθήσατε",
    "ar": "شكرا|شكرا لكم|شكرا للمشاهدة|شكرا لمشاهدتكم|اشتركوا في القناة|لا تنسوا الاشتراك في القناة",
    "fa": "ممنون|با تشکر از تماشای شما",
    "he": "תודה|תודה רבה|תודה שצפיתם",
    "hi": "धन्यवाद|देखने के लिए धन्यवाद|चैनल को सब्सक्राइब करें",
    "vi": "cảm ơn các bạn đã theo dõi|cảm ơn các bạn đã xem|hẹn gặp lại các bạn trong những video tiếp theo|"
    "hãy subscribe cho kênh la la school để không bỏ lỡ những video hấp dẫn",
    "id": "terima kasih|terima kasih telah menonton|terima kasih sudah menonton|jangan lupa subscribe",
    "th": "ขอบคุณครับ|ขอบคุณค่ะ|ขอบคุณที่รับชม",
    "zh": "谢谢|謝謝|谢谢大家|謝謝大家|谢谢观看|謝謝觀看|感谢观看|感謝觀看|感谢收看|谢谢收看|謝謝收看|请订阅我的频道|"
    "下期再见|下次再见|中文字幕",
    "ja": "ありがとうございました|ありがとうございます|ご視聴ありがとうございました|ご視聴いただきありがとうございます|"
    "ご清聴ありがとうございました|最後までご視聴いただきありがとうございました|チャンネル登録お願いします|"
    "チャンネル登録よろしくお願いします|次の動画でお会いしましょう|また次の動画でお会いしましょう|おやすみなさい|"
    "お疲れ様でした|バイバイ",
    "ko": "감사합니다|고맙습니다|시청해주셔서 감사합니다|시청해 주셔서 고맙습니다|구독과 좋아요 부탁드립니다|"
    "다음 영상에서 만나요|다음 시간에 만나요|안녕히 계세요|이 영상은 유료광고를 포함하고 있습니다",
}  # fmt: skip
"""By language, so that a list can be read by somebody who knows it. A model prints them in any language it is told."""


def plain(text: str) -> str:
    """Text without case and marks, words parted by single spaces; letters keep their accents and vowel signs."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u0307", "")  # what is left of a Turkish İ
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded).split())


def _squeezed(text: str) -> str:
    """Without spaces too: scripts differ in whether they have any, and recognisers in where they put them."""
    return plain(text).replace(" ", "")


MAYBE_CREDITS = tuple(
    map(re.compile, (r"ترجمة(?: \S+){2}", r"legenda(?: \S+){2}", r"mbc 뉴스 \S+", r"www \S+ \w{2,3}"))
)
"""Credits that might as well be said: a name after "translation" or "news", an address."""

SAYINGS = frozenset(_squeezed(phrase) for phrases in _SAYINGS.values() for phrase in phrases.split("|"))


def is_credit(text: str) -> bool:
    """Whether the whole text is a credit, which is never said."""
    known = plain(text)
    return any(pattern.fullmatch(known) for pattern in CREDITS)


def is_saying(text: str) -> bool:
    """Whether the whole text is one of the phrases that are made up over noise, and said by people too."""
    known = plain(text)
    return known.replace(" ", "") in SAYINGS or any(pattern.fullmatch(known) for pattern in MAYBE_CREDITS)
