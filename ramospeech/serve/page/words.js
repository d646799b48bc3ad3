// The page's own words, in English and Chinese.
const WORDS = {
  en: {
    about: "Mandarin speech to text",
    other: "中文",
    recording: "Recording", controls: "Controls", transcript: "Transcript", downloads: "Downloads", position: "Position in the recording",
    invitation: "Speak, or drop a recording here.",
    record: "Record", stop: "Stop", choose: "Choose a file", cancel: "Cancel", play: "Play", pause: "Pause",
    hotwords: "Hotwords", hotwords_example: "names, terms", speakers: "Speakers", speakers_example: "2, or names",
    download: "Download", doubtful: "underlined: confidence below 50 %",
    key: "API key of this server", continue: "Continue", wrong_key: "This is not the key of this server.",
    listening: "Listening …", finishing: "Finishing …", transcribing: "Transcribing {name} …",
    done: "{count} syllables in {seconds} s.", nothing: "No speech was found.",
    busy: "The server is busy; trying again in {seconds} s.",
    cancelled: "Cancelled.",
    no_live: "Live text is not available ({why}). The recording goes on and is transcribed when you stop.",
    no_play: "This browser cannot play the recording; its transcript is complete.",
    one: "One recording at a time: {name} is taken, {count} others are not.",
    denied: "The microphone cannot be used: {why}",
    insecure: "A page may record only over https or on localhost.",
    failed: "The server answers: {why}", unreachable: "The server cannot be reached. Is it still running?",
    picture: "Waveform, spectrogram and confidence of {seconds} s of sound",
    confidence: "confidence {percent} %",
  },
  zh: {
    about: "普通话语音识别",
    other: "English",
    recording: "录音", controls: "操作", transcript: "文字", downloads: "下载", position: "播放位置",
    invitation: "请说话，或把录音拖到这里。",
    record: "录音", stop: "停止", choose: "选择文件", cancel: "取消", play: "播放", pause: "暂停",
    hotwords: "热词", hotwords_example: "人名、术语", speakers: "说话人", speakers_example: "2，或姓名",
    download: "下载", doubtful: "加点：置信度低于 50 %",
    key: "本服务器的 API 密钥", continue: "继续", wrong_key: "密钥不正确。",
    listening: "正在听……", finishing: "正在完成……", transcribing: "正在识别 {name}……",
    done: "{seconds} 秒，{count} 个音节。", nothing: "没有听到语音。",
    busy: "服务器忙，{seconds} 秒后重试。",
    cancelled: "已取消。",
    no_live: "无法实时显示文字（{why}）。录音继续，停止后再识别。",
    no_play: "此浏览器不能播放这个录音；文字是完整的。",
    one: "一次只能识别一个录音：已选 {name}，另外 {count} 个未处理。",
    denied: "无法使用麦克风：{why}",
    insecure: "网页只能在 https 或 localhost 上录音。",
    failed: "服务器回答：{why}", unreachable: "无法连接服务器。它还在运行吗？",
    picture: "{seconds} 秒声音的波形、频谱和置信度",
    confidence: "置信度 {percent} %",
  },
};
let language = (localStorage.getItem("language") ?? navigator.language).startsWith("zh") ? "zh" : "en";

/** A text of the page, with {names} replaced by values. */
export function word(name, values = {}) {
  return WORDS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function otherLanguage() {
  language = language === "en" ? "zh" : "en";
  localStorage.setItem("language", language);
}

/** Write all texts of the page anew. */
export function relabel() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = word(each.dataset.text);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", word(each.dataset.label));
  for (const each of document.querySelectorAll("[data-placeholder]")) each.placeholder = word(each.dataset.placeholder);
}
