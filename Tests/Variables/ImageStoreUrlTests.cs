using AiChat.Data;
using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Variables;

/// <summary>The forms of IMAGE_STORE, as the vendors' pages and tools suggest them.</summary>
public sealed class ImageStoreUrlTests
{
    [Theory]
    [InlineData("s3://bucket", "https://s3.us-east-1.amazonaws.com", "bucket", "us-east-1", "", false)]
    [InlineData("s3://bucket/", "https://s3.us-east-1.amazonaws.com", "bucket", "us-east-1", "", false)]
    [InlineData(
        "s3://my.bucket/a/b/?region=eu-north-1&style=path", "https://s3.eu-north-1.amazonaws.com", "my.bucket", "eu-north-1", "a/b", true)]
    [InlineData("S3://bucket/x?endpoint=http://127.0.0.1:9000", "http://127.0.0.1:9000", "bucket", "us-east-1", "x", true)]
    [InlineData("s3://b/x?endpoint=http%3A%2F%2Fminio%3A9000&region=auto", "http://minio:9000", "b", "auto", "x", true)]
    [InlineData(
        "s3://b?endpoint=https://oss-cn-hangzhou.aliyuncs.com&style=host", "https://oss-cn-hangzhou.aliyuncs.com", "b", "us-east-1", "",
        false)]
    [InlineData("s3://b/%E5%9B%BE%20a+b?endpoint=http://10.0.0.5:9000", "http://10.0.0.5:9000", "b", "us-east-1", "图 a+b", true)]
    public void An_address_says_where_the_images_are(
        string text, string endpoint, string bucket, string region, string prefix, bool isPathStyle)
    {
        var place = ImageStoreUrl.Read(text, out var broken);
        Assert.Null(broken);
        Assert.Equal((endpoint, bucket, region, prefix, isPathStyle),
            (place!.Endpoint, place.Bucket, place.Region, place.Prefix, place.PathStyle));
    }

    [Theory]
    [InlineData("https://bucket.s3.amazonaws.com", "is an address such as s3://")]
    [InlineData("s3://", "is an address such as s3://")]
    [InlineData("s3://b/../c", "is an address such as s3://")]
    [InlineData("s3://key@bucket", "is an address such as s3://")]
    [InlineData("s3://b?path=1", "nothing else")]
    [InlineData("s3://b?style=virtual", "nothing else")]
    [InlineData("s3://b?endpoint=ftp://x", "names an endpoint that cannot be used")]
    [InlineData("s3://b?endpoint=http://user:word@x", "names an endpoint that cannot be used")]
    [InlineData("s3://b?endpoint=http://169.254.169.254", "names an endpoint that cannot be used")]
    [InlineData("s3://b?endpoint=http://10.0.0.5:9000&style=host", "needs an endpoint with a name")]
    public void Another_text_is_refused_with_what_it_lacks(string text, string told)
    {
        Assert.Null(ImageStoreUrl.Read(text, out var broken));
        Assert.Contains(told, broken, StringComparison.Ordinal);
    }

    /// <summary>Secrets of AWS hold slashes and plus signs, and are pasted as they are.</summary>
    [Theory]
    [InlineData("s3://AKIA:wJ/al+rX@bucket/images", "wJ/al+rX")]
    [InlineData("s3://AKIA:wJ%2Fal%2BrX@bucket/images", "wJ/al+rX")]
    [InlineData("s3://AKIA:p@ss:w@bucket/images", "p@ss:w")]
    public void A_key_may_stand_before_the_bucket_and_is_never_shown(string text, string secret)
    {
        var place = ImageStoreUrl.Read(text, out _)!;
        Assert.Equal(("AKIA", secret, "bucket", "images"), (place.AccessKey, place.SecretKey, place.Bucket, place.Prefix));
        Assert.Equal("s3://bucket/images", ImageStoreUrl.Shown(text));
        Assert.DoesNotContain(secret, place.ToString());
    }

    [Fact]
    public void The_variables_of_aws_are_read_where_the_address_holds_no_key()
    {
        var given = new Dictionary<string, string>
        {
            ["IMAGE_STORE"] = "s3://bucket",
            ["AWS_ACCESS_KEY_ID"] = "AKIA",
            ["AWS_SECRET_ACCESS_KEY"] = "s3cret/+",
            ["AWS_SESSION_TOKEN"] = "tok",
        };
        var place = ServerOptions.Load(given.GetValueOrDefault).ImageStore!;
        Assert.Equal(("AKIA", "s3cret/+", "tok"), (place.AccessKey, place.SecretKey, place.SessionToken));
        given["IMAGE_STORE"] = "s3://other:word@bucket";
        place = ServerOptions.Load(given.GetValueOrDefault).ImageStore!;
        Assert.Equal(("other", "word", null), (place.AccessKey, place.SecretKey, place.SessionToken));
        given["IMAGE_STORE"] = "s3://bucket";
        given.Remove("AWS_SECRET_ACCESS_KEY");
        Assert.Contains(
            "AWS_SECRET_ACCESS_KEY", Assert.Throws<StartupException>(() => ServerOptions.Load(given.GetValueOrDefault)).Message);
    }
}
