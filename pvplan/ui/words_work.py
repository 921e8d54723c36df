"""The words of what readers write into the ledger, in Chinese and English."""

from __future__ import annotations

from typing import Final

WORK_WORDS: Final[dict[str, tuple[str, str]]] = {
    # who
    "your_name": ("记录人姓名", "Your name"),
    "your_name_help": (
        "每次写入台账都记下这个名字。",
        "Every entry in the ledger is recorded under this name.",
    ),
    "name_first": (
        "请先在左侧填写姓名：写入台账须署名。",
        "Give your name at the left first: every entry names who wrote it.",
    ),
    "log_in": ("登录", "Log in"),
    "log_out": ("退出登录", "Log out"),
    "role_viewer": ("只读", "viewer"),
    "role_editor": ("可写", "editor"),
    "role_admin": ("管理员", "admin"),
    "no_permission": ("您可以查看，不能写入", "You may read here, not write"),
    "why_log_in": ("登录后才能写入。", "Log in to write."),
    "why_unverified": (
        "您的邮箱尚未通过身份提供方验证。",
        "Your e-mail address is not verified by your identity provider.",
    ),
    "why_not_listed": (
        "您的邮箱不在角色表中；请联系管理员。",
        "Your e-mail address is not in the table of roles; ask the admin.",
    ),
    "why_listed_viewer": (
        "角色表将您列为只读；如需写入请联系管理员。",
        "The table of roles lists you as viewer; ask the admin if you need to write.",
    ),
    "why_table": (
        "角色表无法读取，因此所有人只读；请联系管理员。",
        "The table of roles cannot be read, so everybody may only read; tell the admin.",
    ),
    "why_secrets": (
        "服务器的登录设置无法读取，因此所有人只读；请联系管理员。",
        "The server's login settings cannot be read, so everybody may only read; tell the admin.",
    ),
    "why_shared": (
        "服务器对其他机器开放，但没有设置登录，因此所有人只读；请管理员设置登录。",
        "Other machines reach this server and no login is set up, so everybody may only read; the "
        "admin can set one up.",
    ),
    # deciding
    "decide": ("处理一行", "Decide a row"),
    "choose_row": ("选择一行（也可在表中点选）", "Choose a row (or click on one in the table)"),
    "choose_row_hint": ("请选择", "Choose a row"),
    "decided": ("处理情况", "Decided"),
    "decided_pending": ("已处理，下次计算时计入", "counts from the next run"),
    "decided_known": ("本次计算已计入", "counted in this run"),
    "decision": ("处理方式", "Decision"),
    "way_accept": ("确认在此处", "It stands there"),
    "way_elsewhere": ("在别处", "It stands elsewhere"),
    "way_reject": ("不在此处", "It does not stand there"),
    "way_facts": ("更正容量、状态或日期", "Mend capacity, status or date"),
    "way_take_back": ("撤回先前的处理", "Take an earlier decision back"),
    "candidate": ("候选位置", "Candidate"),
    "park_as_whole": ("园区内，屋顶不明", "In this park, roof not known"),
    "largest_listed": (
        "只列出容量最大的 {most} 个屋顶。",
        "Only the {most} largest roofs are listed.",
    ),
    "which_word": ("撤回哪一条", "Which decision"),
    "capacity_kwp": ("容量（kWp，直流）", "Capacity (kWp, DC)"),
    "status": ("状态", "Status"),
    "status_commissioned": ("已并网", "Commissioned"),
    "status_retired": ("已退役", "Retired"),
    "commissioned_on": ("并网日期", "Commissioned on"),
    "recorded": ("台账现值", "As recorded"),
    "roof_is": ("该屋顶", "This roof is"),
    "evidence": ("证据", "Evidence"),
    "evidence_hint": ("例如检测报告编号", "For example the number of a report"),
    "review_on": ("复核日期", "Review on"),
    "note": ("理由", "Reason"),
    "note_hint": ("依据什么作此处理", "Why, and what it rests on"),
    "block_needs": (
        "判为受限须写明理由和证据。",
        "A blocked roof needs its reason and its evidence.",
    ),
    "write": ("写入台账", "Write to the ledger"),
    "whole_file": (
        "此事项涉及整个登记文件：请修正文件后重新导入。",
        "This speaks of the register as a whole: mend the file and import it again.",
    ),
    # outcome
    "written": ("已写入台账", "Written to the ledger"),
    "written_before": (
        "台账中已有此记录，没有重复写入",
        "It stands there already; not written twice",
    ),
    "counts_next_run": (
        "原有记录不会被覆盖；此处理从下次用台账计算起计入。",
        "Nothing earlier is overwritten; this counts from the next run that reads the ledger.",
    ),
    "not_allowed": ("没有写入：您没有写入权限。", "Not written: you may not write here."),
    "overtaken": (
        "没有写入：您查看之后，其他人已写入此项。请看沿革后再决定。",
        "Not written: somebody else decided this after you looked. See the history, then decide.",
    ),
    "not_written": ("没有写入：", "Not written:"),
    "said_accepted": ("位于", "stands at"),
    "said_rejected": ("不在", "does not stand at"),
    "said_taken_back": ("撤回", "taken back"),
    "said_facts": ("更正登记内容", "facts mended"),
    "said_added": ("首次登记", "first recorded"),
    "said_withdrawn": ("撤销登记", "withdrawn"),
    "history_of": ("沿革", "History"),
    "never_decided": ("台账中还没有记录。", "Nothing is recorded yet."),
    "when": ("时间", "When"),
    "who": ("何人", "Who"),
    "why": ("理由", "Why"),
    "what_changed": ("内容", "What"),
    # the ledger
    "no_ledger": ("还没有台账", "There is no ledger yet"),
    "no_ledger_help": (
        "处理结果写入台账，台账只增不改。导入登记文件即建立台账，再由服务器管理员指定其位置：",
        "Decisions are written to a ledger in which nothing is overwritten. Importing a register "
        "makes one; whoever runs the server then names it:",
    ),
    "ledger_unusable": ("台账无法使用：", "The ledger cannot be used:"),
    "system_not_recorded": (
        "台账中没有这个系统；请先导入登记文件：",
        "The ledger does not know this system; import the register first:",
    ),
    # admin
    "admin": ("管理：角色与台账批次", "Administration: roles and batches of the ledger"),
    "roles": ("角色表", "Roles"),
    "roles_open": (
        "本机使用，没有设置登录：使用者均可写入，以左侧填写的姓名记录。",
        "One machine, no login: whoever uses it may write, under the name given at the left.",
    ),
    "roles_none": (
        "角色表为空或不存在：所有人只读。",
        "There is no table of roles, or it is empty: everybody may only read.",
    ),
    "mail": ("邮箱", "E-mail"),
    "role": ("角色", "Role"),
    "batches": ("台账批次", "Batches of the ledger"),
    "batch": ("批次", "Batch"),
    "batch_kind": ("种类", "Kind"),
    # days
    "known_on": ("按某日所知", "As known on"),
    "known_on_help": (
        "只计台账在该日结束（UTC+8）前已知的内容；留空为全部。",
        "Only what the ledger knew by the end of that day (UTC+8); blank: all of it.",
    ),
    "day_not_computed": ("还没有这一天的结果。", "This day is not computed yet."),
    "compute_day": ("按这一天计算", "Compute for this day"),
    "computing_day": ("正在计算所选日期", "Computing for the chosen day"),
    "no_city_folder": (
        "这里没有本次计算所用的文件，请在命令行计算：",
        "The files of this run are not at hand here; on the command line:",
    ),
    "day_in_parts": (
        "本次计算按分块进行，其他日期请在命令行计算：",
        "This run was made in parts; other days are computed on the command line:",
    ),
    "day_differs": (
        "参数或文件自原结果以来有变化，两者的差别不只在日期。",
        "Assumptions or files changed since the run shown before: the day is not all that differs.",
    ),
    "day_needs_role": (
        "计算新结果需要写入权限；请联系管理员。",
        "Computing needs the right to write; ask the admin.",
    ),
    "back_to_shown": ("保留所示结果的日期", "Keep the day shown"),
    "with_decisions": ("用台账中的处理结果重新计算", "Compute with the ledger's decisions"),
    "with_decisions_note": (
        "同样的文件和参数，登记数据改取自台账；原结果保留。",
        "Same files and assumptions, installed systems from the ledger; the run shown stays.",
    ),
    # goals
    "goals_others": ("其他目标", "Other goals"),
    "goals_others_hint": ("选择要显示的目标", "Choose goals to show"),
    "pace_title": ("年新增：所需与实际", "Added per year: needed and actual"),
    "pace_alt": (
        "条形图：所需年均新增、近12个月新增、近36个月年均新增",
        "Bars: needed per year, last 12 months, mean year of the last 36 months",
    ),
    "pace_axis": ("{unit}/年（直流）", "{unit} a year (DC)"),
    "no_pace": (
        "没有所需速度和近期速度可画（期限已过且没有登记数据，或目标不以容量计）。",
        "No pace to draw: the deadline is past and no register was given, or the goal is no "
        "capacity.",
    ),
    "private_undecided": (
        "这是只属于您的结果，其编号与台账无关，不能在此写入决定。",
        "This run is yours alone and its ids are not the ledger's: no decision is written from it.",
    ),
}
