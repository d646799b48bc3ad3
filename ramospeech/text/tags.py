"""Tags of sounds in transcripts (`[掌声]`, `【笑】`, `（音乐）`, `<NOISE>`), which are not speech.

Text in `[]`, `【】`, `〔〕`, `{}` or `<>` is an annotation, and so is text between two `♪`, which is sung.
Round brackets also hold speech (`我（真的）很好`), so there, and between asterisks, only names of sounds and
of manners of speaking are tags: 笑, 咳嗽, 掌声, 背景音乐, LAUGHTER. `「」`, `『』`, `“”`, `《》` and `〈〉` quote: they
hold speech. Speech that nobody could write down (`[听不清]`, `<UNK>`, `(inaudible)`) is still speech: it
becomes `<UNK>`.
"""

import re

from ramospeech.text.vocabulary import UNK_UNIT

_SOUND = (
    r"(?:(?:众人|全场|观众|两人|大家|大声|小声|偷|轻|苦|冷|大|微|傻|狂|哈哈|嘿嘿|笑着){0,2}(?:笑|哭)(?:了|着|声|起来)?"
    r"|(?:轻|重|连续|一阵|剧烈)?(?:咳|咳嗽|清嗓子|打?喷嚏|打哈欠|哈欠|打嗝|叹气|叹息|喘气|喘息|吸气|呼气|深呼吸|呼吸|抽泣|啜泣|哽咽)声?"
    r"|(?:热烈|全场|一片)?(?:掌声|鼓掌|欢呼|喝彩)声?(?:雷动|响起)?"
    r"|(?:背景|片头|片尾|轻)?(?:音乐|乐声|音效|噪声|噪音|杂音)声?(?:响起|停止|渐弱|结束)?"
    r"|(?:电话|手机|门|上课|下课)?铃声?(?:响|响起)?"
    r"|(?:敲门|开门|关门|脚步|风|雨|雷|水|枪|炮|爆炸|汽车|车|喇叭|鸣笛|尖叫|喊叫|叫喊|喊|叫|呼喊|欢呼|口哨|哨|鼾|呼噜|歌|琴|钟"
    r"|鼓|鸟叫|鸟鸣|狗叫|犬吠|猫叫|虫鸣|机器|键盘|提示|环境|背景|嘈杂|杂|回|呼吸|喘息|惨叫|婴儿哭|哭喊)(?:声|音)(?:响起)?"
    r"|尖叫|口哨|打呼噜|打鼾|[沉沈]默|停顿|静音|静默|无声|无语音|空白|鸣笛|唱歌|哼唱|耳语|低语|小声|大声|轻声|画外音|旁白"
    r"|(?:笑着|哭着|小声|大声|轻声|低声)地?(?:说|喊|问)道?"
    r"|嘈杂|众人|同时说话|重叠|外语|方言)"
)
_ENGLISH = (
    r"(?:laugh(?:s|ing|ter)?|chuckl(?:e|es|ing)|giggl(?:e|es|ing)|applause|clapping|claps|cheer(?:s|ing)?|music|song|singing|"
    r"(?:background |ambient |spoken |human |non-?speech )?noise|cough(?:s|ing)?|sneez(?:e|es|ing)|sniff(?:s|ing)?|"
    r"sigh(?:s|ing)?|breath(?:s|ing)?|inhal(?:e|es|ing)|exhal(?:e|es|ing)|cry(?:ing)?|cries|sob(?:s|bing)?|yawn(?:s|ing)?|"
    r"silence|pause|beep|ring(?:ing|s|tone)?|whisper(?:s|ing)?|crosstalk|overlap|static|knock(?:s|ing)?|footsteps|"
    r"clears throat|throat clearing|lip ?smack|sil|nsn|spn|fil|spk|sta|npron)"
)
_UNINTELLIGIBLE = (
    r"(?:听不清楚?|听不见|听不到|不清楚|无法辨认|无法听清|模糊不清|unk|unintelligible|inaudible|unclear|indiscernible)"
)
_TAG = re.compile(
    r"[(（]\s*(?:(?P<sound>[^()（）]{1,24}?))\s*[)）]"
    r"|[\[［]\s*(?P<square>[^\[\]［］]{1,60}?)\s*[\]］]"
    r"|【\s*(?P<lens>[^【】]{1,60}?)\s*】|〔\s*(?P<shell>[^〔〕]{1,60}?)\s*〕"
    r"|[{｛]\s*(?P<curly>[^{}｛｝]{1,60}?)\s*[}｝]"
    r"|[<＜]\s*(?P<angle>/?[^\W\d_][^<>＜＞]{0,60}?)\s*/?[>＞]"
    r"|\*\s*(?P<star>[^*]{1,24}?)\s*\*"
    r"|[♪♫♬♩]+(?P<sung>[^♪♫♬♩]*)[♪♫♬♩]+"
)
_NAMED = re.compile(rf"{_SOUND}(?:[,，、/ ]\s*{_SOUND})*|{_ENGLISH}", re.IGNORECASE)
_UNKNOWN = re.compile(_UNINTELLIGIBLE, re.IGNORECASE)
_SIMPLIFIED = str.maketrans(
    "聲樂鈴門嘆歡話風氣雜響電機眾場觀輕開關腳車槍鳴鳥貓蟲鍵盤靜語環聽無認噴熱鐘嬰兒連續劇淺斷緩說問誰槍雞結漸滅",
    "声乐铃门叹欢话风气杂响电机众场观轻开关脚车枪鸣鸟猫虫键盘静语环听无认喷热钟婴儿连续剧浅断缓说问谁枪鸡结渐灭",
)
_MARKS = frozenset("()（）[]［］【】〔〕{}｛｝<>＜＞*♪♫♬♩")


def remove_tags(text: str) -> tuple[str, dict[str, int]]:
    """Replace each tag by a space (unintelligible speech by `<UNK>`); return the text and the count of each tag.

    >>> remove_tags("今天[掌声]天气（音乐）很（非常）好")
    ('今天 天气 很（非常）好', {'[掌声]': 1, '（音乐）': 1})
    """
    tags: dict[str, int] = {}

    def replace(match: re.Match[str]) -> str:
        content = next((group for group in match.groups() if group is not None), "").translate(_SIMPLIFIED)
        if _UNKNOWN.fullmatch(content):
            return f" {UNK_UNIT} "
        if (match["sound"] or match["star"]) and not _NAMED.fullmatch(content):
            return match[0]
        tags[match[0]] = tags.get(match[0], 0) + 1
        return " "

    return (_TAG.sub(replace, text), tags) if _MARKS.intersection(text) else (text, tags)
