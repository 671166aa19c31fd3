"""What a person does with examples/dashboard. dashboard.py URL TOKEN WORK
POSTHOUSE WIRING"""
import json
import subprocess
import sys

from driver import Browser, Failed

url, token, work, posthouse, wiring = sys.argv[1:6]
browser = Browser(work + "/profile")


def command(*words):
    return subprocess.run([posthouse, *words, "--socket", work + "/alpha.sock"],
                          capture_output=True, text=True, timeout=40)


def shows(css, *words):
    def all_there():
        text = browser.text(css)
        return all(word in text for word in words)
    try:
        browser.until(15, all_there, "")
    except Failed:
        raise Failed(f"{css} does not show {words}, but: "
                     f"{browser.text(css)[:400]!r}") from None


def signs_in(with_token):
    browser.type("#token", with_token)
    browser.click("#sign button")


def stands_in_the_guest_book():
    browser.go(url)
    signs_in("ph_wrong")
    shows("#state", "token")
    signs_in(token)
    shows("#state", "alpha/dashboard stands in the guest book, 0 wired")
    guests = json.loads(command("guests", "--json").stdout)["items"]
    if [guest["server"] for guest in guests] != ["dashboard"]:
        raise Failed(f"the guests are {guests}")
    print("# a server in the guest book")


def shows_live_data():
    said = command("apply", wiring)
    if said.returncode:
        raise Failed(f"apply: {said.stderr}")
    shows("#state", "3 wired")
    shows("#hosts", "alpha", "beta", "gamma")
    browser.until(15, lambda: browser.run("""
        return [...document.querySelectorAll('polyline')].filter((one) =>
            one.getAttribute('points').split(' ').length >= 2).length"""
                                          ) == 3, "three lines that grow")
    print("# live data of three hosts")


def is_wired_again():
    browser.go(url)
    shows("#state", "3 wired")
    shows("#hosts", "alpha", "beta", "gamma")
    print("# opened again, wired again")


def complains_of_nothing():
    told = [one["message"] for one in browser.logs("browser")
            if one["level"] == "SEVERE"]
    if told:
        raise Failed(f"the console says: {told}")


try:
    stands_in_the_guest_book()
    shows_live_data()
    is_wired_again()
    complains_of_nothing()
except Failed as failed:
    print(f"FAILED: {failed}")
    print(command("connections").stdout)
    sys.exit(1)
finally:
    browser.close()
