"""Drops of CSV in a world's bucket."""

from perennial.reactions.start_training import on_object

DROPS = "models/mortgage/drops/"
ROWS = [f"{number},{number * 7 % 13},{'yes' if number % 3 else 'no'}" for number in range(300)]
HEADER = "income,rate,deny"


def csv(rows=ROWS, header=HEADER):
    return "\n".join([header, *rows, ""]).encode()


def drop(world, name, files, marker="_SUCCESS", body=b""):
    for file, content in files.items():
        world.bucket.write(f"{DROPS}{name}/{file}", content)
    if marker:
        world.bucket.write(f"{DROPS}{name}/{marker}", body)
        return on_object(f"{DROPS}{name}/{marker}", world)
    return None
