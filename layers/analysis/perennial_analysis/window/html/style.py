"""The report's style: one sheet for phones and desks, by day and by night."""

STYLE = """
:root{color-scheme:light dark;--ground:#fbfbfa;--card:#fff;--ink:#1c2024;--soft:#60656c;--line:#e4e5e7;
--before:#8a94a3;--before-fill:#8a94a333;--now:#2a6fbb;--now-fill:#2a6fbb2e;--bad:#b3402a;--bad-fill:#b3402a14;
--good:#2d7a52;--good-fill:#2d7a5214;--wait:#8a6a12;--wait-fill:#8a6a1214}
@media(prefers-color-scheme:dark){:root{--ground:#131517;--card:#1b1e21;--ink:#e6e8ea;--soft:#9aa1a9;--line:#2d3237;
--before:#7d8794;--before-fill:#7d879440;--now:#6fa8e6;--now-fill:#6fa8e638;--bad:#e58a76;--bad-fill:#e58a761f;
--good:#74c39a;--good-fill:#74c39a1f;--wait:#d8b455;--wait-fill:#d8b4551f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1080px;margin:0 auto;padding:20px 16px 56px}
h1{font-size:1.45rem;line-height:1.25;margin:0 0 2px;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:32px 0 10px}
h3{font-size:1rem;margin:18px 0 0;overflow-wrap:anywhere;font-weight:600}
p{margin:0 0 8px}
small,.soft{color:var(--soft);font-size:.86rem}
.verdict{border-left:4px solid var(--tone);background:var(--tone-fill);padding:10px 14px;border-radius:0 8px 8px 0;
margin:14px 0 18px;overflow-wrap:anywhere}
.verdict b{color:var(--tone);text-transform:uppercase;letter-spacing:.04em;font-size:.8rem;display:block}
.bad{--tone:var(--bad);--tone-fill:var(--bad-fill)}.good{--tone:var(--good);--tone-fill:var(--good-fill)}
.wait{--tone:var(--wait);--tone-fill:var(--wait-fill)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:10px 18px;margin:0}
.facts div{min-width:0}.facts dt{color:var(--soft);font-size:.78rem}
.facts dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px;align-items:start}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px;min-width:0}
.card.bad{border-top:3px solid var(--bad)}
.card h3{margin:0}.head{display:flex;gap:10px;justify-content:space-between;align-items:baseline}
.tag{color:var(--tone);background:var(--tone-fill);border-radius:999px;padding:1px 9px;font-size:.76rem;
white-space:nowrap;flex:none}
.told{color:var(--bad);font-size:.86rem;margin:4px 0 0;overflow-wrap:anywhere}
.numbers{display:grid;grid-template-columns:auto 1fr;gap:0 10px;font-size:.86rem;margin:8px 0 0;
font-variant-numeric:tabular-nums}
.numbers dt{color:var(--soft)}.numbers dd{margin:0;overflow-wrap:anywhere}
.key{display:flex;gap:2px 16px;flex-wrap:wrap;color:var(--soft);font-size:.86rem;margin:0 0 12px}
.key i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
.key svg{display:inline-block;width:20px;height:14px;margin:0 5px 0 0;vertical-align:-3px}
.key .b{background:var(--before-fill);border:1.5px solid var(--before)}
.key .n{background:var(--now-fill);border:1.5px solid var(--now)}
svg{display:block;width:100%;height:auto;margin-top:8px}
svg text{fill:var(--soft);font-size:11px;font-family:inherit}svg .ink{fill:var(--ink)}svg .sv{font-size:9.5px}
.fb{fill:var(--before-fill)}.sb{stroke:var(--before);fill:none;stroke-width:1.6}
.fn{fill:var(--now-fill)}.sn{stroke:var(--now);fill:none;stroke-width:1.8}
.db{fill:var(--before)}.dn{fill:var(--now)}.dx{fill:var(--bad)}
.ax{stroke:var(--line);stroke-width:1;fill:none}.sx{stroke:var(--bad);stroke-width:1.6;fill:none}.dash{stroke-dasharray:3 3}
details{border-top:1px solid var(--line)}details:last-of-type{border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:8px 2px;display:flex;gap:12px;justify-content:space-between;align-items:baseline}
summary>span:first-child{overflow-wrap:anywhere;min-width:0}
summary .soft{white-space:nowrap;font-variant-numeric:tabular-nums}
details>div:not(.m){padding:0 2px 14px;max-width:480px}
summary::before{content:"+";color:var(--soft);width:.7em;flex:none}details[open]>summary::before{content:"\\2212"}
summary>span:first-child{flex:1}
.moved{display:flex;gap:10px;align-items:center;flex:none}.moved svg{width:72px;margin:0}.moved .soft{min-width:7.5em;text-align:right}
.m{display:grid;grid-template-columns:minmax(0,1.5fr) minmax(0,1fr) minmax(0,1.9fr) minmax(0,.8fr) minmax(0,1.2fr);
gap:0 16px;align-items:center;padding:7px 0;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
.m:first-of-type{border-top:1px solid var(--line)}.m b{font-weight:500;overflow-wrap:anywhere}
.m svg{margin:0}.m.bad b{color:var(--bad);font-weight:650}.m span small{display:block;line-height:1.2}
@media(max-width:680px){.m{grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:2px 14px;padding:10px 0}
.m .draw{grid-column:1/-1;order:3}.m .at{order:4}.m .may{order:5}}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--soft);text-align:left;font-size:.78rem}
th,td{padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:middle}
td.r,th.r{text-align:right}td:first-child{overflow-wrap:anywhere}tr.bad td:first-child{color:var(--bad);font-weight:600}
td svg{margin:0;min-width:180px}
code{font:.84rem ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
ul{margin:6px 0;padding-left:18px}footer{margin-top:36px;color:var(--soft);font-size:.82rem}
"""
