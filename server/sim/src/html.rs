//! The look of the demo's own pages: one small stylesheet, light and dark, and escaping.

/// Text made safe to stand in HTML, between tags or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A whole page around `body`, which is already HTML.
pub fn page(title: &str, head: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
{head}<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"#
    )
}

const STYLE: &str = "
:root{--ink:#1d232b;--dim:#566170;--paper:#f6f7f9;--card:#fff;--line:#d5dae1;--accent:#1f5fbf;--accent-ink:#fff;
--good:#17713c;--bad:#b3261e;--busy:#8a5a00}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--dim:#a3adba;--paper:#14181d;--card:#1c2229;--line:#343d48;
--accent:#8ab4f8;--accent-ink:#0d1b30;--good:#7ad69b;--bad:#ff9c94;--busy:#f0c36d}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p{margin:.25rem 0 1rem}.dim{color:var(--dim)}
a{color:var(--accent)}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1.25rem}
.people{list-style:none;margin:1rem 0;padding:0;display:grid;gap:.6rem;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr))}
.people button{width:100%;height:100%;text-align:left;background:var(--card);color:inherit;border:1px solid var(--line)}
.people strong,.people span{display:block}.people span{color:var(--dim);font-size:.9rem;font-weight:400}
button{font:inherit;font-weight:600;cursor:pointer;border-radius:.5rem;border:1px solid transparent;padding:.6rem 1rem;
background:var(--accent);color:var(--accent-ink)}
button:hover{border-color:var(--accent)}
.people button[aria-current]{border-color:var(--accent);box-shadow:inset .25rem 0 0 var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.fields{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));align-items:end;margin-bottom:1rem}
label{display:grid;gap:.25rem;font-weight:600}
select,input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.5rem;width:100%;
height:2.75rem;font-weight:400}
::placeholder{color:var(--dim);opacity:1}
.scroll{overflow-x:auto}nav{display:flex;gap:1rem;flex-wrap:wrap;margin:.25rem 0 1rem}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{text-align:left;padding:.45rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--dim);font-weight:600}
code{font:.9em ui-monospace,monospace;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.busy{color:var(--busy)}
";
