"""The programs that are scripts at the root of the checkout and commands of `ramospeech` where it is installed.

Each module has `parse`, its command line, and `main`. Who calls one prepares the environment first, before torch is
imported: the script or `ramospeech.__main__`.
"""
