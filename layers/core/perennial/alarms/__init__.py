"""Alarms on what a model's endpoint and monitors emit, and what follows them. Pure.

intent       what an alarm is for: its name, its monitor, its key of on_alarm
wanted       the alarms of a configuration, as PutMetricAlarm requests
standing     an alarm as CloudWatch has it; what is to be put, deleted, or has never received data
episode      one stretch of ALARM: answered once, whatever repeats it
reports      the reports that an answer reads
diagnosis    what an alarm means
attribution  whether the version in service is to blame
"""
