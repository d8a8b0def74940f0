"""The page's look: one column on a phone, a list of contents beside it where there is room; light, dark, paper.

Sizes are relative to the reader's own, colours meet WCAG 2.2 AA in both schemes (4.5:1 for text, tried with axe-core).
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1b2330;--quiet:#566072;--line:#dde1e8;--link:#1251b5;
--calm:#0b6b46;--calm-bg:#e4f4ec;--soon:#7d4c00;--soon-bg:#fdf1d8;--strict:#a61b2b;--strict-bg:#fdeaec;--rest-bg:#eceff4;--code:#f0f2f6}
@media (prefers-color-scheme:dark){:root{--paper:#12161d;--card:#1b212b;--ink:#e8ebf1;--quiet:#a5aebd;--line:#323b49;
--link:#8fb8ff;--calm:#7fdcb1;--calm-bg:#14332a;--soon:#f4c670;--soon-bg:#392c12;--strict:#ff9ba5;--strict-bg:#3d1a20;
--rest-bg:#2a323e;--code:#252d39}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI","Noto Sans",
"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","WenQuanYi Micro Hei",sans-serif;overflow-wrap:anywhere}
.skip{position:absolute;left:-99rem}
.skip:focus{position:static;display:inline-block;padding:.5rem 1rem}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
header,.frame,footer{max-width:76rem;margin-inline:auto;padding-inline:clamp(1rem,4vw,2.5rem)}
header{padding-block:2.25rem 1.25rem}
.over{margin:0;color:var(--quiet);font-size:.9rem}
h1{margin:.15rem 0 1.1rem;font-size:clamp(1.6rem,1.2rem + 1.7vw,2.3rem);line-height:1.2;letter-spacing:-.015em}
h2{margin:0 0 .9rem;font-size:1.35rem;line-height:1.3;letter-spacing:-.01em}
h3{margin:1.6rem 0 .5rem;font-size:1.05rem}
h4{margin:1rem 0 .3rem;font-size:.95rem}
p{margin:.5rem 0}
.quiet,small,.version{color:var(--quiet)}
.version{font-weight:400;font-variant-numeric:tabular-nums}
.banner{display:flex;flex-wrap:wrap;gap:.15rem 1.25rem;align-items:baseline;padding:1rem 1.25rem;border-radius:.8rem;
border-inline-start:.35rem solid currentColor}
.banner strong{font-size:1.1rem}
.banner span{color:var(--ink)}
.calm{background:var(--calm-bg);color:var(--calm)}
.soon{background:var(--soon-bg);color:var(--soon)}
.strict{background:var(--strict-bg);color:var(--strict)}
.frame{display:grid;gap:1.5rem;padding-bottom:2rem}
nav ul{display:flex;flex-wrap:wrap;gap:.35rem;margin:0;padding:0;list-style:none}
nav li{margin:0}
nav a{display:block;padding:.4rem .8rem;border-radius:2rem;background:var(--rest-bg);color:var(--ink);
text-decoration:none}
nav a:hover{text-decoration:underline}
nav .count{color:var(--quiet);font-variant-numeric:tabular-nums}
main{display:grid;gap:1.25rem;min-width:0}
section{padding:clamp(1.1rem,3vw,1.75rem);border:1px solid var(--line);border-radius:1rem;background:var(--card);
min-width:0}
.card{margin-top:1rem;padding:1rem 1.25rem;border:1px solid var(--line);border-inline-start:.3rem solid var(--line);
border-radius:.7rem;background:none;color:inherit}
.card.strict{border-inline-start-color:var(--strict)}
.card.soon{border-inline-start-color:var(--soon)}
.card h3{margin:0}
.top{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:center;justify-content:space-between}
.badge{display:inline-block;padding:.1rem .65rem;border-radius:2rem;font-size:.85rem;font-weight:600;
overflow-wrap:normal}
.badge.rest{background:var(--rest-bg);color:var(--ink)}
.warning{padding:.6rem .9rem;border-radius:.6rem;background:var(--soon-bg);color:var(--soon)}
dl{display:grid;gap:.3rem 1.5rem;margin:.8rem 0}
dl>div{display:grid;gap:0 1rem;grid-template-columns:minmax(7.5rem,11rem) minmax(0,1fr)}
dt{color:var(--quiet)}
dd{margin:0}
code,pre{font:.9em/1.5 ui-monospace,"SFMono-Regular",Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono",monospace}
code{padding:.08em .3em;border-radius:.3em;background:var(--code);unicode-bidi:isolate;box-decoration-break:clone;
-webkit-box-decoration-break:clone}
pre{max-height:32rem;margin:.6rem 0;padding:1rem;overflow:auto;border-radius:.6rem;background:var(--code);
overflow-wrap:normal}
ul{padding-inline-start:1.25rem}
li{margin:.25rem 0}
.commands,.stages{padding:0;list-style:none}
.commands code{display:block;padding:.5rem .8rem;user-select:all}
q{quotes:"\\201c" "\\201d"}
details{margin:.5rem 0;border-top:1px solid var(--line)}
.card details{margin-bottom:-.4rem}
summary{padding:.6rem .2rem;cursor:pointer}
summary:hover strong,summary:hover{text-decoration:underline;text-underline-offset:.2em}
summary .badge{margin-inline-start:.35rem}
details[open]>summary{margin-bottom:.3rem}
.timeline{margin:0;padding:0;list-style:none}
.timeline li{position:relative;display:grid;gap:.1rem 1.25rem;margin:0;padding:.55rem 0 .55rem 1.5rem;
border-inline-start:2px solid var(--line);margin-inline-start:.4rem}
.timeline li::before{content:"";position:absolute;inset-inline-start:-.45rem;top:1rem;width:.75rem;height:.75rem;
border-radius:50%;background:var(--soon)}
.timeline time,.stages time{color:var(--quiet);font-variant-numeric:tabular-nums}
.scrolls{overflow:auto;max-height:36rem}
table{border-collapse:collapse;width:100%}
caption{position:absolute;left:-99rem}
th,td{padding:.45rem .75rem .45rem 0;border-bottom:1px solid var(--line);text-align:start;vertical-align:top}
td:first-child{min-width:12rem;width:34%}
footer{padding-block:0 3rem;color:var(--quiet);font-size:.9rem}
@media (min-width:40rem){.timeline li{grid-template-columns:15rem minmax(0,1fr)}.timeline span{grid-column:2}
.stages li{display:grid;gap:0 1.25rem;grid-template-columns:15rem minmax(0,1fr)}}
@media (min-width:64rem){.frame{grid-template-columns:14rem minmax(0,1fr);gap:2.5rem}
nav{position:sticky;top:1.5rem;align-self:start}nav ul{display:grid;gap:.1rem}nav a{border-radius:.5rem;background:none}
nav a:hover,nav a:focus-visible{background:var(--rest-bg)}}
@media (min-width:120rem){html{font-size:118.75%}}
@media (max-width:30rem){dl>div{grid-template-columns:1fr}dd{margin-bottom:.25rem}.card{padding:.9rem 1rem}}
@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--quiet:#444;--line:#bbb;--link:#000;--code:#f4f4f4}
nav,.skip{display:none}section,.card{break-inside:auto;border-color:#bbb}h2,h3,summary{break-after:avoid}
.frame{display:block}section{margin-bottom:1rem;padding:.6rem}pre,.scrolls{max-height:none;overflow:visible;white-space:pre-wrap}
details::details-content{content-visibility:visible;display:block}
a[href^="http"]:not(.address)::after{content:" (" attr(href) ")";font-size:.85em}}
"""
