"""The text of parts."""

HEADER = "age,city,y\n"


def rows(count, age="{n}", city="Bonn", label=("no", "yes")):
    return "".join(f"{age.format(n=n)},{city},{label[n % len(label)]}\n" for n in range(count))
