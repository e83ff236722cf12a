"""The `analyze` command: the analysis library as a SageMaker Processing job.

Two contracts, told apart by what lies in the input:

    window    ours: a request for one window, its baseline, capture and labels; one host or many
    monitor   Model Monitor's, for containers of one's own: settings in the environment, a dataset or captured traffic
"""
