"""Texts of many kinds, all of them this project's own or made up; equal seeds give equal texts."""

import base64
import random
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[2]
KINDS = ("prose", "code", "json", "logs", "chinese", "japanese", "russian", "base64")

_CHINESE = """
路由器把每一轮对话发送到足够好的最便宜的层级。它记录每一轮的费用,并与基准模型进行比较。如果提供商没有报告用量,
我们就用估计值代替。工具调用的结果会以文本形式附加到下一条消息中,因此请求只会越来越长。测试表明,在第一轮之后,
误差通常不超过百分之五。请先阅读配置文件,然后修改端口号并重新启动服务。数据库连接失败的原因是密码已经过期,需要
联系管理员重置。我们建议把日志级别调整为调试,以便找到问题的根源。昨天下午的会议讨论了三个议题:性能、稳定性和成
本。这个函数接收一个字符串列表,返回出现次数最多的单词。北京的春天常常刮风,但是秋天的天空格外晴朗。她在图书馆里
找到了一本关于古代航海的旧书。
"""
_JAPANESE = """
ルーターは各ターンを十分な品質を持つ最も安価な階層に送ります。設定ファイルを読み込んでから、ポート番号を変更して
サービスを再起動してください。エラーが発生した場合は、ログを確認して原因を特定します。この関数は文字列のリストを
受け取り、最も頻繁に現れる単語を返します。京都の秋は紅葉が美しく、多くの観光客が訪れます。データベースへの接続が
失敗したのは、パスワードの有効期限が切れていたためです。ツールの結果は次のメッセージに追加されるので、リクエスト
は長くなる一方です。
"""
_RUSSIAN = """
Маршрутизатор отправляет каждый ход на самый дешёвый уровень, который справляется с задачей. Прочитайте файл
настроек, измените номер порта и перезапустите службу. Подключение к базе данных не удалось, потому что срок
действия пароля истёк. Эта функция принимает список строк и возвращает слово, которое встречается чаще всего.
Вчера на совещании обсуждали производительность, надёжность и стоимость. Осенью в парке тихо, и под ногами
шуршат листья.
"""


def text(kind: str, size_bytes: int, rng: random.Random) -> str:
    """About ``size_bytes`` of a kind of text."""
    match kind:
        case "prose" | "code":
            whole = _files(kind)
            start = rng.randrange(max(1, len(whole) - size_bytes))
            return whole[start : start + size_bytes]
        case "json":
            return _json(size_bytes, rng)
        case "logs":
            return _repeated(lambda: _log_line(rng), size_bytes)
        case "base64":
            return base64.b64encode(rng.randbytes(size_bytes * 3 // 4)).decode()
    # What is cut between sentences; in UTF-8 it is two or three times as long.
    sentences, end = _sentences(kind)
    return _repeated(lambda: rng.choice(sentences) + end, size_bytes)


@lru_cache
def _files(kind: str) -> str:
    where, pattern = ("docs", "*.md") if kind == "prose" else ("core", "**/*.py")
    return "\n".join(path.read_text() for path in sorted((ROOT / where).glob(pattern)))


@lru_cache
def _sentences(kind: str) -> tuple[list[str], str]:
    whole, end = {"chinese": (_CHINESE, "。"), "japanese": (_JAPANESE, "。"), "russian": (_RUSSIAN, ". ")}[kind]
    glue = " " if kind == "russian" else ""
    one_line = glue.join(whole.split("\n")).strip()
    return [sentence.strip() for sentence in one_line.split(end.strip()) if sentence.strip()], end


def _repeated(make: Callable[[], str], size_bytes: int) -> str:
    pieces: list[str] = []
    size = 0
    while size < size_bytes:
        pieces.append(make())
        size += len(pieces[-1].encode())
    return "".join(pieces)


def _json(size_bytes: int, rng: random.Random) -> str:
    rows: list[dict[str, object]] = []
    while len(rows) * 170 < size_bytes:
        rows.append(
            {
                "id": rng.randrange(10**6),
                "path": f"/srv/app/{rng.choice(['models', 'views', 'api'])}/{rng.choice(['user', 'order', 'tax'])}.py",
                "status": rng.choice(["ok", "failed", "skipped"]),
                "duration_ms": round(rng.random() * 1000, 2),
                "tags": [rng.choice(["slow", "unit", "database"])],
                "sha": f"{rng.getrandbits(160):040x}",
            }
        )
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2 if rng.random() < 0.5 else None).decode()


def _log_line(rng: random.Random) -> str:
    return (
        f"2026-03-{rng.randrange(1, 29):02d}T{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}Z "
        f"{rng.choice(['INFO', 'WARNING', 'DEBUG'])} worker-{rng.randrange(9)}: request {rng.randrange(10**5)} took "
        f"{rng.randrange(900)} ms at 10.0.{rng.randrange(255)}.{rng.randrange(255)}\n"
    )
