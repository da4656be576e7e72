"""A small labelled history in two languages: three teams whose problems are far apart."""

NOW_MS = 1_790_000_000_000

_MOBILE = (
    "APP闪退打不开，点开图标两秒就退回桌面",
    "更新之后应用一启动就崩溃",
    "手机客户端总是闪退，重装也没用",
    "打开app就白屏然后自动关闭",
    "软件启动页卡住，随后程序停止运行",
    "the app crashes right after I open it",
    "application closes itself on the splash screen",
    "since the update the mobile app keeps crashing at launch",
    "app won't open, it just quits to the home screen",
    "crash on startup every single time on my phone",
)
_PAYMENTS = (
    "微信支付失败，提示签名错误",
    "付款的时候一直提示支付失败",
    "支付宝扣款成功但订单显示未付款",
    "同一个订单被重复扣款两次",
    "退款已经同意了钱还没到账",
    "payment failed with a signature error at checkout",
    "I was charged twice for the same order",
    "my card is declined every time I try to pay",
    "the refund was approved but no money arrived",
    "paying with my visa card does not go through",
)
_LOCKS = (
    "智能门锁指纹识别不了，按了好几次都没反应",
    "门锁一直离线，手机上显示设备不在线",
    "指纹锁打不开门，提示验证失败",
    "门锁没电了，怎么应急开锁",
    "网关连不上，智能锁无法远程开门",
    "the smart lock does not recognise my fingerprint",
    "my door lock is offline and cannot be opened remotely",
    "lock keeps beeping and the door will not open",
    "fingerprint reader on the door lock stopped working",
    "the smart lock lost its connection to the hub",
)

HISTORY: tuple[tuple[str, str], ...] = tuple(
    (team, text)
    for team, texts in (("mobile", _MOBILE), ("payments", _PAYMENTS), ("locks", _LOCKS))
    for text in texts
)
"""(team, text) of each past ticket."""

FRESH: tuple[tuple[str, str], ...] = (
    ("mobile", "一打开软件就闪退，更新完就这样"),
    ("mobile", "the app crashes as soon as I start it"),
    ("payments", "支付总是失败，提示签名有问题"),
    ("payments", "charged two times for one order"),
    ("locks", "门锁指纹没有反应，开不了门"),
    ("locks", "fingerprint on my smart lock is not recognised"),
)
"""(team, text) of tickets that the history has not seen."""
