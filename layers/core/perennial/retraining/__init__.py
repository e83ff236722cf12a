"""Trainings that an alarm asks for: what they may cost, and whether one is allowed. Pure.

prices      what an instance costs an hour, and what a training costs or cost
history     the trainings that alarms and people asked for, as the document `retraining` keeps them
governor    whether one more is allowed
source      what it would learn from
"""
