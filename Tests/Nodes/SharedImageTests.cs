using System.Net;
using AiChat.Tests.Api;
using AiChat.Tests.Backups;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Nodes;

/// <summary>Images of several servers: in one folder or one store, or the second server does not start.</summary>
public sealed class SharedImageTests
{
    [PostgresFact]
    public async Task An_image_is_shown_wherever_it_is_asked_for()
    {
        await using var nodes = await NodeGroup.Two();
        await ShownAtAll(nodes, await nodes.Admin());
    }

    [PostgresFact]
    public async Task In_a_store_too()
    {
        await using var store = new FakeStore();
        var elsewhere = new Dictionary<string, string>
        {
            ["IMAGE_STORE"] = $"s3://key:secret-CANARY@bucket/pictures?endpoint={store.Address}",
        };
        using var first = new OwnFolder(elsewhere);
        using var second = new OwnFolder(elsewhere);
        await using var nodes = NodeGroup.Empty();
        await nodes.Add(variables: first.Variables);
        await nodes.Add(variables: second.Variables);

        var admin = await nodes.Admin();
        await ShownAtAll(nodes, admin);
        Assert.Equal(2, store.Objects.Keys.Count(key => key.EndsWith(".png", StringComparison.Ordinal)));

        // Another folder of the store is another place.
        var other = new Dictionary<string, string> { ["IMAGE_STORE"] = elsewhere["IMAGE_STORE"].Replace("pictures", "others") };
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => nodes.Add(variables: other));
        Assert.Contains("do not keep their images in s3://bucket/others", refused.Message);
        await ShownAtAll(nodes, admin);
    }

    [PostgresFact]
    public async Task A_server_with_a_folder_of_its_own_does_not_join_and_starts_where_it_is_alone()
    {
        using var own = new OwnFolder([]);
        await using var nodes = NodeGroup.Empty();
        await nodes.Add();
        var admin = await nodes.Admin();
        await (await admin.Http.Upload(SampleImages.Png())).Expect(HttpStatusCode.Created);
        var refused = await Assert.ThrowsAsync<ServerStartException>(() => nodes.Add(variables: own.Variables));
        Assert.Equal(78, refused.ExitCode);
        Assert.Contains("Mount one folder as CHAT_IMAGE_DIR on all of them", refused.Message);

        var alone = new Dictionary<string, string>(own.Variables)
        {
            ["DATABASE_URL"] = nodes.Database,
            ["AICHAT_MASTER_KEY"] = NodeGroup.MasterKey,
        };
        await nodes.A.RestartAsync(new TestServerOptions { Variables = alone });
        await (await admin.Http.GetAsync("/api/auth/me")).Expect(HttpStatusCode.OK);
        refused = await Assert.ThrowsAsync<ServerStartException>(() => nodes.Add());
        Assert.Equal(78, refused.ExitCode);
    }

    [PostgresFact]
    public async Task Eight_that_start_at_once_on_one_empty_folder_and_database_all_join()
    {
        await using var nodes = NodeGroup.Empty();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => nodes.Add()));
        Assert.Equal(8, nodes.All.Count);
    }

    private static async Task ShownAtAll(NodeGroup nodes, Roaming admin)
    {
        foreach (var from in nodes.All)
        {
            var id = (await (await admin.At(from).Upload(SampleImages.Png())).Json(HttpStatusCode.Created)).Text("id");
            foreach (var to in nodes.All)
            {
                Assert.Equal(SampleImages.Png(), await admin.At(to).GetByteArrayAsync($"/chat-images/{id}"));
            }
        }
    }

    /// <summary>A folder that no other server has.</summary>
    private sealed class OwnFolder(Dictionary<string, string> more) : IDisposable
    {
        private readonly string _path = Directory.CreateTempSubdirectory("aichat-images-").FullName;

        public Dictionary<string, string> Variables => new(more) { ["CHAT_IMAGE_DIR"] = _path };

        public void Dispose() => Directory.Delete(_path, recursive: true);
    }
}
