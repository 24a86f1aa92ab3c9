using System.Net;
using AiChat.Tests.Backups;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>A server whose images are in an S3-compatible store.</summary>
internal static class BucketImages
{
    public static TestServerOptions Options(FakeStore store, string? url = null) => new()
    {
        Variables = new Dictionary<string, string>
        {
            ["IMAGE_STORE"] = url ?? $"s3://key:secret-CANARY@bucket/pictures?endpoint={store.Address}",
        },
    };

    /// <summary>Its address at the server, and its name in the store.</summary>
    public static async Task<(string Url, string Key)> Upload(HttpClient client)
    {
        var id = (await (await client.Upload(SampleImages.Png())).Json(HttpStatusCode.Created)).Text("id")!;
        return ($"/chat-images/{id}", $"pictures/{id[..2]}/{id}.png");
    }

    /// <summary>Empties the folder, as another server has it, or as a week without a look at it does.</summary>
    public static void Forget(TestServer server)
    {
        foreach (var shard in Directory.EnumerateDirectories(Path.Combine(server.DataDir, "images")))
        {
            Directory.Delete(shard, recursive: true);
        }
    }
}
