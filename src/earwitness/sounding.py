"""What recordings are usually called."""

SOUNDING = frozenset(
    (
        "3gp aac ac3 aif aifc aiff amr ape asf au avi caf dts flac flv gsm m2ts m4a m4b m4v mka mkv mov mp2 "
        "mp3 mp4 mpeg mpg mts oga ogg ogv opus ra rm spx ts tta voc w64 wav weba webm wma wmv wv"
    ).split()
)
"""File name endings that are looked for in a folder; a file named on the command line may have any."""
