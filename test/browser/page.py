"""What a person does on the page. page.py URL TOKEN WORK PID SHUT KEY
[SCREENSHOT]

PID is gamma's, which is killed on the way; SHUT a page that nobody sees without
KEY."""
import json
import os
import signal
import sys

from driver import Browser, Failed

url, token, work, pid, shut, key = sys.argv[1:7]
browser = Browser(work + "/profile")


def check(truth, what):
    if not truth:
        raise Failed(what)


def shows(css, *words, seconds=15):
    def all_there():
        text = browser.text(css)
        return all(word in text for word in words)
    try:
        browser.until(seconds, all_there, "")
    except Failed:
        raise Failed(f"{css} does not show {words}, but: "
                     f"{browser.text(css)[:600]!r}") from None


def wires():
    return browser.run("return [...document.querySelectorAll('.wire')]"
                       ".map((one) => one.parentElement.dataset.key)")


def plan(text):
    browser.click("#change")
    browser.click("#dialog button", "Apply a wiring file")
    browser.type("#wiring", text)
    browser.type("#token", token)
    browser.click("#dialog button", "Plan")


def sees_the_mesh():
    browser.go(url)
    shows("#view", "alpha", "beta", "gamma", "/s")
    shows("#state", "live")
    browser.until(10, lambda: sorted(wires()) == [
        "alpha beta", "alpha gamma", "beta alpha", "beta gamma"],
        "four bundles")
    check(not browser.text("#alarms"), "an alarm, and nothing is wrong")
    # Grey as long as nothing is wrong.
    colours = browser.run("""
        return [...document.querySelectorAll('#view svg *')].flatMap(
            (one) => [getComputedStyle(one).stroke, getComputedStyle(one).fill])
            .filter((text) => /^rgb/.test(text))
            .filter((text) => new Set(text.match(/\\d+/g).slice(0, 3)).size > 1)
        """)
    check(not colours, f"colours, and nothing is wrong: {colours[:3]}")
    print("# the mesh, its flows, all grey")


def goes_by_keyboard():
    browser.run("document.querySelector('[data-name=beta]').focus()")
    browser.key("\ue007")
    shows("#view h2", "host beta")
    shows("#view", "enc", "tick", "alpha/cam")
    check(browser.run("return document.activeElement.id") == "view",
          "the focus is lost")
    print("# a host, by keyboard")


def shows_a_connection():
    key = browser.run("return [...document.querySelectorAll('.wire')].map("
                      "(one) => one.parentElement.dataset.key)[0]")
    browser.click(f'[data-key="{key}"]')
    shows("#view", "declared", "override", "actual", "by demo")
    browser.until(10, lambda: browser.run(
        "return document.querySelector('.trend:not(.received)')"
        ".getAttribute('points').split(' ').length") > 2, "a trend")
    browser.click("#view a", "raw")
    shows("#view pre", '"api": 1', '"from"')
    browser.click("header nav a", "table")
    shows("#view", "flowing", "alpha/cam:out", "arch=")
    print("# a connection, its trend, raw; the table")


def applies_a_plan():
    with open(work + "/more.yaml", encoding="utf-8") as file:
        more = file.read()
    browser.go(url + "#/")
    plan(more.replace("beat -> keep", "beat -> nobody"))
    shows("#dialog [role=alert]", "nobody")
    check(browser.run("return document.querySelector('[value=act]').disabled"),
          "what cannot be planned could be applied")
    browser.click("#dialog button", "Cancel")
    plan(more)
    shows("#effect", "beat", "keep")
    browser.click("#dialog button", "Apply")
    browser.until(10, lambda: not browser.run(
        "return document.querySelector('#dialog').open"), "the dialog closes")
    browser.until(15, lambda: "gamma alpha" in wires(), "the new flow")
    print("# a plan, its effect, applied")


def runs_a_server():
    browser.go(url + "#/server/alpha%2Fkeep")
    shows("#view .run", "running")
    for button, state in (("Stop", "stopped"), ("Start", "running")):
        browser.click("#view button", button)
        browser.click("#dialog button", "Show the effect")
        shows("#dialog", "gamma/beat:out → alpha/keep:in")
        browser.click("#dialog button[type=submit]", button)
        shows("#view .run", state)
    browser.type("#window", "10s")
    browser.click("header nav a", "table")
    shows("#view", "alpha/cam:out", "/s")
    browser.type("#window", "1s")
    print("# a server, stopped and started")


def is_a_server():
    browser.click("header nav a", "terminal")
    shows("#view h2", "this page as a server")
    browser.type("#terminal-token", token)
    browser.type("#terminal-name", "page")
    browser.click("#attach")
    shows("#attached", "alpha/page")
    browser.click("#view button", "Wire it")
    browser.type("#from", "beta/tick:out")
    browser.type("#to", "alpha/page:in")
    browser.click("#dialog button", "Show the effect")
    shows("#dialog", "beta/tick:out → alpha/page:in")
    browser.click("#dialog button", "Connect")
    shows("#counted", "messages")
    browser.until(15, lambda: browser.text("#came").strip(), "what came")
    print("# a terminal of the page, wired to a remote server")


def misuses_the_module():
    said = browser.do("POST", "/execute/async", {"script": """
        const [token, done] = arguments;
        (async () => {
            const { attach } = await import('./posthouse.js');
            const why = (promise) => promise.then(() => 'went', (error) => error.name + ' ' + error.message);
            const page = await attach({ token, server: 'misused',
                terminals: [{ name: 'out', kind: 'out' }] });
            const out = page.terminal('out');
            const said = [await why(out.send(5)), await why(out.send({})),
                await why(attach({ token: 'ph_0', server: 'x', terminals: [{ name: 'o', kind: 'out' }] })),
                await why(attach({ token, server: '<b>', terminals: [{ name: 'o', kind: 'out' }] }))];
            // More than there is credit for, and then nobody is there.
            const much = why(out.send(new Uint8Array(1 << 20)));
            page.close();
            said.push(await much, await why(out.send('later')), await why(out.end()));
            done(said);
        })().catch((error) => done([String(error)]));""", "args": [token]})
    for one, wanted in zip(said, ["TypeError", "TypeError", "not one of this node",
                                  "name", "closed", "closed", "closed"]):
        check(wanted in one, f"{wanted} is not in {said}")
    check(len(said) == 7, f"it says {said}")
    print("# what is asked of the module in vain is refused, not waited for")


def ends_and_goes_on():
    said = browser.do("POST", "/execute/async", {"script": """
        const [token, done] = arguments;
        (async () => {
            const { attach } = await import('./posthouse.js');
            const post = async (path, body) => {
                const answer = await fetch(`./v1/${path}`, { method: 'POST',
                    headers: { 'content-type': 'application/json',
                        authorization: `Bearer ${token}` },
                    body: JSON.stringify(body) });
                if (!answer.ok)
                    throw new Error(await answer.text());
                return (await answer.json()).items[0];
            };
            const wire = () =>
                post('connect', { from: 'again:out', to: 'alpha/again:in' });
            const page = await attach({ token, server: 'again', terminals: [
                { name: 'in', kind: 'in' }, { name: 'out', kind: 'out' }] });
            const out = page.terminal('out');
            const ends = [];
            for (const letter of 'ab') {
                for (let i = 0; i < 3; i++)
                    await out.send(letter.repeat(20000));
                ends.push(out.end());
            }
            const same = out.end() === ends[1]; // not one more, empty
            const said = [same];
            for (const end of ends) {
                let came = '';
                const { override } = await wire();
                for await (const message of page.terminal('in'))
                    came += new TextDecoder().decode(message);
                await end;
                said.push(came.length + came[0] + came.at(-1));
                await post('revert', { override });
            }
            out.send('c');
            const last = out.end();
            const { override } = await wire();
            await page.terminal('in').next();
            await post('revert', { override });
            said.push(await last.then(() => 'done', (error) => error.message));
            page.close();
            done(said);
        })().catch((error) => done([String(error)]));""", "args": [token]})
    check(said == [True, "60000aa", "60000bb", "out: who was wired left before "
                   "the end of the stream"], f"streams one behind another: {said}")
    print("# a stream right behind the end of one")


def shows_who_is_behind():
    # As a node says it of one that was away when a file was applied.
    browser.run("""
        const real = window.fetch;
        const said = {
            drift: [{ kind: 'drift', node: 'gamma', scope: 'demo', since: 0,
                connection: '', from: '', to: '', id: '', verb: '', who: '',
                why: '', state: 'behind', reason: 'it was away' },
            { kind: 'override', node: 'alpha', scope: '', since: 1,
                connection: 'alpha#1.7', from: 'alpha/a:out', to: 'alpha/b:in',
                id: 'o-7', verb: 'connect', who: 'me', why: 'a trial',
                state: 'open', reason: '' }],
            alarms: [{ alarm: 'a-1', kind: 'change', subject: 'demo@gamma',
                priority: 'high', what: 'keeps an old part', since: 0,
                state: 'raised', explained: 0, action: 'apply it' }],
        };
        window.fetch = (path, ...rest) => {
            const items = said[path.match(/^v1\\/(\\w+)/)?.[1]];
            return items ? Promise.resolve(new Response(
                JSON.stringify({ node: 'alpha', items, sources: [] })))
                : real(path, ...rest);
        };
        window.unsay = () => { window.fetch = real; };
        location.hash = '#/drift';
        import('./mesh.js').then((module) => module.refresh());""")
    shows("#view", "gamma", "demo", "behind", "it was away", "a trial")
    browser.click("#view button", "Revert")
    shows("#dialog", "o-7")
    browser.run("document.querySelector('#dialog').close()")
    shows("#alarms", "demo@gamma: keeps an old part", "apply it")
    check(" days" not in browser.text("#alarms"),
          f"since 1970: {browser.text('#alarms')!r}")
    browser.run("""
        window.unsay();
        location.hash = '#/';
        import('./mesh.js').then((module) => module.refresh());""")
    browser.until(10, lambda: not browser.text("#alarms"), "no alarm any more")
    print("# who is behind")


def tells_of_a_death():
    browser.click("header nav a", "mesh")
    os.kill(int(pid), signal.SIGKILL)
    shows("#alarms", "gamma", "dead", seconds=20)
    count = browser.run("return document.querySelectorAll('.alarm').length")
    check(count == 1, f"{count} alarms for one death: {browser.text('#alarms')}")
    shows("#state", "gamma")
    shows("[data-name=gamma]", "▲")
    print("# a death: one alarm")


def draws_three_hundred():
    spent = browser.do("POST", "/execute/async", {"script": """
        const done = arguments[0];
        (async () => {
            const { mesh } = await import('./mesh.js');
            const { meshView } = await import('./view_mesh.js');
            const before = { ...mesh };
            const nodes = [];
            const flows = new Map();
            for (let i = 0; i < 300; i++)
                nodes.push({ node: `h${i}`, server: 's', absent: false,
                    layer: i % 7, order: i / 7 | 0, terminals: [] });
            for (let i = 0; i < 600; i++)
                flows.set(`h${i}`, { id: `h${i}`, from: `h${i % 300}/s:o`,
                    to: `h${i * 7 % 300}/s:i`, state: 'flowing',
                    rate: { sent_bps: i * 1000 }, override: null });
            Object.assign(mesh, { graph: { nodes, edges: [], layers: 7 }, flows,
                peers: [], alarms: [], sources: [] });
            const begin = performance.now();
            const view = meshView();
            const drawn = view.draw();
            document.getElementById('view').replaceChildren(drawn);
            drawn.getBoundingClientRect();
            const boxes = drawn.querySelectorAll('.host').length;
            // At once: a look at the true mesh may come while one waits.
            const pause = performance.now();
            const same = meshView().draw().querySelector('svg').innerHTML ===
                drawn.querySelector('svg').innerHTML;
            const paused = performance.now() - pause;
            await new Promise((resolve) => requestAnimationFrame(resolve));
            const spent = performance.now() - begin - paused;
            Object.assign(mesh, before);
            done([spent, boxes, same]);
        })().catch((error) => done([String(error), 0, false]));""", "args": []})
    check(spent[1] >= 300, f"not 300 hosts: {spent}")
    check(spent[2], "the same mesh is drawn another way")
    # The goal is 1.5 s; the machine may have other work.
    check(spent[0] < 4500, f"300 hosts take {spent[0]:.0f} ms")
    print(f"# 300 hosts, 600 connections: {spent[0]:.0f} ms")


def kept_to_itself():
    origin = url.rstrip("/")
    for line in browser.logs("performance"):
        event = json.loads(line["message"])["message"]
        if event["method"] != "Network.requestWillBeSent":
            continue
        asked = event["params"]["request"]["url"]
        check(asked.startswith((origin, "data:", "chrome:")),
              f"it asked {asked}")
    # A refused plan is an answer of 4xx, which Chromium counts as an error.
    wrong = [line["message"] for line in browser.logs("browser")
             if line["level"] == "SEVERE" and "/v1/plan" not in line["message"]]
    check(not wrong, f"on the console: {wrong}")
    print("# no request left the origin, no error on the console")


def signs_in():
    browser.go(shut)
    shows("#dialog [role=alert]", "takes a token")
    browser.type("#sign-token", "ph_0")
    browser.click("#dialog button", "Use it")
    shows("#dialog [role=alert]", "not one of this node")
    browser.type("#sign-token", key)
    browser.click("#dialog button", "Use it")
    shows("#state", "live")
    shows("#view", "alpha", "beta")
    check(not browser.run("return document.querySelector('#dialog').open"),
          "it goes on asking")
    print("# a page that wants a token to be seen")


try:
    sees_the_mesh()
    goes_by_keyboard()
    shows_a_connection()
    applies_a_plan()
    runs_a_server()
    is_a_server()
    misuses_the_module()
    ends_and_goes_on()
    draws_three_hundred()
    shows_who_is_behind()
    tells_of_a_death()
    kept_to_itself()
    if len(sys.argv) > 7:
        browser.screenshot(sys.argv[7])
    signs_in()
except Failed as error:
    browser.screenshot(work + "/failed.png")
    print(f"FAILED: {error}")
    for line in browser.logs("browser"):
        print(f"  {line['level']} {line['message']}")
    sys.exit(1)
finally:
    browser.close()
