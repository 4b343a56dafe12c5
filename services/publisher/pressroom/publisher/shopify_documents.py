"""Every GraphQL document that we send to Shopify's Admin API; a test validates each against the schema of the version
that the settings name. Text only: nothing here can be interrupted."""

STAGE_UPLOAD = """
mutation StageUpload($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } }
    userErrors { field message }
  }
}
"""

CREATE_FILE = """
mutation CreateFile($files: [FileCreateInput!]!) {
  fileCreate(files: $files) {
    files { id fileStatus fileErrors { code details message } }
    userErrors { code field message }
  }
}
"""

FIND_FILE = """
query FindFile($query: String!) {
  files(first: 10, query: $query) {
    nodes { id fileStatus fileErrors { code details message } }
  }
}
"""

FILE_STATUS = """
query FileStatus($id: ID!) {
  node(id: $id) {
    ... on MediaImage { id fileStatus fileErrors { code details message } }
  }
}
"""

SET_PRODUCT = """
mutation SetProduct($identifier: ProductSetIdentifiers!, $input: ProductSetInput!) {
  productSet(identifier: $identifier, input: $input, synchronous: true) {
    product { id }
    userErrors { code field message }
  }
}
"""

SALES_CHANNELS = """
query SalesChannels($after: String) {
  publications(first: 50, after: $after) {
    nodes { id name }
    pageInfo { hasNextPage endCursor }
  }
}
"""

PUBLISH_PRODUCT = """
mutation PublishProduct($id: ID!, $input: [PublicationInput!]!) {
  publishablePublish(id: $id, input: $input) {
    publishable { ... on Product { id onlineStoreUrl } }
    userErrors { field message }
  }
}
"""

DOCUMENTS = (
    STAGE_UPLOAD,
    CREATE_FILE,
    FIND_FILE,
    FILE_STATUS,
    SET_PRODUCT,
    SALES_CHANNELS,
    PUBLISH_PRODUCT,
)
