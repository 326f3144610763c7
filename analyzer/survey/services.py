"""The names of AWS services in ARNs and credential reports."""

from __future__ import annotations

from typing import Final

SERVICES: Final = frozenset(
    """
    access-analyzer account acm acm-pca airflow amplify apigateway appconfig application-autoscaling apprunner
    appstream appsync aps arc-zonal-shift artifact athena autoscaling aws-marketplace aws-portal backup batch
    bedrock billing braket budgets ce chatbot chime cloud9 cloudcontrol cloudformation cloudfront cloudhsm
    cloudsearch cloudshell cloudtrail cloudwatch codeartifact codebuild codecommit codedeploy codeguru codepipeline
    codestar cognito-identity cognito-idp comprehend compute-optimizer config connect controltower cur databrew
    dataexchange datasync dax detective devicefarm directconnect discovery dlm dms docdb ds dynamodb ebs ec2
    ec2messages ecr ecr-public ecs eks elasticache elasticbeanstalk elasticfilesystem elasticloadbalancing
    elasticmapreduce elastictranscoder emr-containers emr-serverless es events execute-api firehose fms forecast
    freetier fsx gamelift geo glacier globalaccelerator glue grafana greengrass groundstation guardduty health iam
    identitystore imagebuilder importexport inspector inspector2 iot iotanalytics iotevents iotsitewise ivs kafka
    kendra kinesis kinesisanalytics kinesisvideo kms lakeformation lambda lex license-manager lightsail logs
    machinelearning macie macie2 managedblockchain mediaconvert medialive mediapackage mediastore memorydb mgh mgn
    mobiletargeting monitoring mq neptune-db network-firewall networkmanager opensearch opsworks organizations
    outposts personalize pi pinpoint polly pricing profile qldb quicksight ram rds rds-data rds-db redshift
    redshift-data redshift-serverless rekognition resource-explorer-2 resource-groups robomaker rolesanywhere
    route53 route53domains route53resolver rum s3 s3-object-lambda s3-outposts s3express s3tables sagemaker
    savingsplans scheduler schemas sdb secretsmanager securityhub securitylake serverlessrepo servicecatalog
    servicediscovery servicequotas ses shield signin snowball sns sqs ssm ssm-incidents ssmmessages sso
    sso-directory states storagegateway sts support swf synthetics tag textract timestream transcribe transfer
    translate trustedadvisor vpc-lattice waf waf-regional wafv2 wellarchitected workdocs workmail workspaces xray
    """.split()  # noqa: SIM905 - as a list, it would have a line for each
)
"""The known services; AWS adds new ones."""
