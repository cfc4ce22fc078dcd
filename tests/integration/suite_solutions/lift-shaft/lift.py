def ride(calls, floor=0, capacity=4):
    coming = list(calls)
    waiting, inside, stops = [], [], []
    second, direction = 0, 0
    while coming or waiting or inside:
        while coming and coming[0][0] <= second:
            waiting.append(coming.pop(0)[1:])
        if not waiting and not inside:
            direction = 0
            second = coming[0][0]
            continue
        if direction and not _further(inside, waiting, floor, direction):
            direction = _turned(inside, waiting, floor, direction)
        if not direction:
            direction = _chosen(waiting, floor)
        leaving = [to for to in inside if to == floor]
        room = capacity - (len(inside) - len(leaving))
        boarding = [each for each in waiting if each[0] == floor and (each[1] - floor) * direction > 0][:room]
        if leaving or boarding:
            stops.append(floor)
            inside = [to for to in inside if to != floor] + [to for _, to in boarding]
            for each in boarding:
                waiting.remove(each)
            if not inside and not waiting:
                direction = 0
        else:
            floor += direction
        second += 1
    return stops


def _further(inside, waiting, floor, direction):
    return (
        any((to - floor) * direction > 0 for to in inside)
        or any((at - floor) * direction > 0 for at, _ in waiting)
        or any(at == floor and (to - floor) * direction > 0 for at, to in waiting)
    )


def _turned(inside, waiting, floor, direction):
    return -direction if inside or waiting else 0


def _chosen(waiting, floor):
    at, to = min(waiting, key=lambda each: abs(each[0] - floor))
    goal = to if at == floor else at
    return 1 if goal > floor else -1
