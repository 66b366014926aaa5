def list_files(event):
    count = event["payload"].get("count", 3)
    return [{"name": f"{number}.txt"} for number in range(count)]


def fulltext(event, tools):
    tools.log.info("reading %s", event["name"])
    return {"name": event["name"], "text": "On 2026-01-31, …"}


def dates(event):
    return {"name": event["name"], "date": event["text"][3:13]}


def webhook(event):
    found = event["results"]["dates"]
    return {"url": event["url"], "documents": len(found), "first": found[0]["date"]}
