using AiChat.Commands;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Data.Audit;
using AiChat.Data.Catalog;
using AiChat.Data.Chats;
using AiChat.Data.Images;
using AiChat.Data.Imports;
using AiChat.Data.NodePlatform;
using AiChat.Data.Nodes;
using AiChat.Data.Runs;
using AiChat.Data.Store;
using AiChat.Data.Traces;
using AiChat.Endpoints.Accounts;
using AiChat.Endpoints.Admin;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Backups;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Chat;
using AiChat.Endpoints.Compat;
using AiChat.Endpoints.Housekeeping;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Images;
using AiChat.Endpoints.Imports;
using AiChat.Endpoints.NodePlatform;
using AiChat.Endpoints.Nodes;
using AiChat.Endpoints.Runs;
using AiChat.Endpoints.Secrets;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Transport;
using Microsoft.Extensions.Logging.Console;

namespace AiChat;

/// <summary>Reads as a table of contents: the store, the services, the pipeline, the routes.</summary>
internal static class Program
{
    public static Task<int> Main(string[] args) => CommandLine.Run(args);

    /// <summary>
    /// Opens the data folder, brings the database up to date and builds the server, not yet listening. Disposing it closes
    /// the database last and frees the folder.
    /// </summary>
    /// <param name="configure">Replaces services, for tests.</param>
    /// <param name="prepared">The data folder when it is open already; the server closes it.</param>
    /// <param name="sockets">What this process listens on already; the server goes on there.</param>
    /// <exception cref="StartupException">The options or the data folder do not allow a start; nothing is left open.</exception>
    public static WebApplication Build(
        ServerOptions options, Action<WebApplicationBuilder>? configure = null, PreparedFolder? prepared = null,
        ListenSockets? sockets = null)
    {
        SocketThreads.CompleteInline();
        // One thread more per read, so that reads that wait for the disk do not delay requests.
        ThreadPool.SetMinThreads(Environment.ProcessorCount + Db.MaxReads, Environment.ProcessorCount);

        // Configuration is never reloaded, so no watcher: it would walk through every folder below the current one.
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"], EnvironmentName = "Production" });
        builder.Services.AddSingleton(TimeProvider.System);
        AddLogging(builder, options);
        builder.AddWebServer(options, sockets ?? new ListenSockets());
        AddStore(builder, prepared ?? PreparedFolder.Of(
            DataFolder.Open(options.DataDir, options.DatabasePath), options, new StartProgress { Say = Terminal.Complain }));
        AddServices(builder.Services, options);
        configure?.Invoke(builder);
        var app = builder.Build();

        // The container disposes in reverse order: what is resolved first is disposed last.
        app.Services.GetRequiredService<DataFolder>();
        app.Services.GetRequiredService<Db>();
        app.Services.GetRequiredService<TaskTraces>();

        app.UseServicesOfProcess();
        app.UseRequestCount();
        app.UseSecurityHeaders();
        app.UseNodeRequests();
        app.UseTlsRedirect(options);
        app.UseClientAddress();
        app.UseCrossOrigin();
        app.UseProblems();
        app.UseStoreOutage();
        app.UseNodeCatchUp();
        app.UseAllowedHosts(options);
        app.UseBasePath();
        app.UseRouting();
        app.UseAccessControl();
        app.UseBodyBudget();
        app.UseRetention();
        MapRoutes(app);
        app.UseEmbeddedUi(options);
        return app;
    }

    private static void AddStore(WebApplicationBuilder builder, PreparedFolder prepared)
    {
        builder.Services.AddSingleton(prepared.Instance);
        builder.Services.AddSingleton(prepared.Images);
        builder.Services.AddSingleton(_ => prepared.Folder);
        builder.Services.AddSingleton(_ => prepared.OpenStore());
        builder.Services.AddSingleton<NodeStore>();
        if (prepared.Servers is { } servers)
        {
            builder.Services.AddSingleton(_ => new NodeLink(servers, prepared.Folder.NodeId(), BuildFacts.Version));
            builder.Services.AddHostedService<NodeJoin>(); // first: what is read into memory afterwards is kept up to date
        }

        builder.Services.AddSingleton<ILiveText>(services => prepared.Servers is null
            ? new LiveText(prepared.Folder.DatabasePath) : new LiveRows(services.GetRequiredService<Db>()));
        AddStoreClasses(builder.Services);
    }

    /// <summary>The classes with SQL, room by room.</summary>
    private static void AddStoreClasses(IServiceCollection services)
    {
        services.AddSingleton<AuditLog>();
        services.AddSingleton<AuthCache>();
        services.AddSingleton<Users>();
        services.AddSingleton<UserAdmin>();
        services.AddSingleton<Logins>();
        services.AddSingleton<Guests>();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<Preferences>();
        services.AddSingleton<Avatars>();
        services.AddSingleton<AccountData>();
        services.AddSingleton<Usage>();
        services.AddSingleton<UsageReports>();
        services.AddSingleton<SettingStore>();
        services.AddSingleton<SealedTexts>();
        services.AddSingleton<Connections>();
        services.AddSingleton<Models>();
        services.AddSingleton<ImageStore>();
        services.AddSingleton<FileRows>();
        services.AddSingleton<TraceStore>();
        services.AddSingleton<Sessions>();
        services.AddSingleton<Messages>();
        services.AddSingleton<Branches>();
        services.AddSingleton<Search>();
        services.AddSingleton<Shares>();
        services.AddSingleton<Prompts>();
        services.AddSingleton<Drafts>();
        services.AddSingleton<Removal>();
        services.AddSingleton<Expiry>();
        services.AddSingleton<RunStore>();
        services.AddSingleton<TokenFactorRows>();
        services.AddSingleton<NodePlatformUsers>();
        services.AddSingleton<NodePlatformStore>();
        services.AddSingleton<ImportStore>();
        services.AddSingleton<ImportRows>();
    }

    private static void AddServices(IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton(options);
        services.AddSecrets();
        services.AddSettings();
        services.AddHttp();
        services.AddAuth();
        services.AddImages();
        services.AddHousekeeping();
        services.AddCatalog();
        services.AddTraces();
        services.AddCalls();
        services.AddNodes();
        services.AddRuns();
        services.AddChat();
        services.AddImports();
        services.AddCompat();
        services.AddBackups();
        services.AddNodePlatform();
        services.AddAccounts();
        services.ConfigureHttpJsonOptions(json => JsonDefaults.Configure(
            json.SerializerOptions, HttpJson.Wire, CatalogJson.Wire, CallsJson.Wire, RunsJson.Wire, ChatJson.Wire, ImportsJson.Wire,
            BackupsJson.Wire, NodePlatformJson.Wire, AdminJson.Wire, AccountsJson.Wire));
        services.Configure<RouteHandlerOptions>(handlers => handlers.ThrowOnBadRequest = true);
    }

    private static void MapRoutes(WebApplication app)
    {
        var api = app.MapGroup("/api");
        api.MapHealth();
        api.MapAuth();
        api.MapAccount();
        api.MapKeys();
        api.MapUsers();
        api.MapUsage();
        api.MapSettings();
        api.MapMasterKey();
        api.MapNodePlatform();
        api.MapOperatorImport();
        api.MapVariables();
        api.MapPersonal();
        api.MapConnections();
        api.MapModels();
        api.MapModelImport();
        api.MapSessions();
        api.MapMessages();
        api.MapSummaries();
        api.MapSessionCopies();
        api.MapShares();
        api.MapPrompts();
        api.MapDrafts();
        api.MapAccountExport();
        api.MapAudit();
        api.MapTraces();
        api.MapBackups();
        api.MapChat();
        app.MapCompat();
        api.MapImages();
        api.MapImports();
        app.MapImageFiles();
        app.MapMetrics();
        api.MapAvatars();
        app.MapAvatarFiles();
    }

    private static void AddLogging(WebApplicationBuilder builder, ServerOptions options)
    {
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(options.LogLevel);
        builder.Logging.AddFilter("Microsoft", options.LogLevel > LogLevel.Warning ? options.LogLevel : LogLevel.Warning);
        builder.Logging.AddFilter("System", options.LogLevel > LogLevel.Warning ? options.LogLevel : LogLevel.Warning);
        // A refused start prints one line for the operator; the host would log a stack trace before it.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);

        // The one critical entry of Kestrel is a failed bind, which is reported as one line too.
        builder.Logging.AddFilter(
            "Microsoft.AspNetCore.Server.Kestrel",
            level => level is >= LogLevel.Warning and < LogLevel.Critical && level >= options.LogLevel);

        // Standard output is for the person at the console; the log goes to standard error.
        builder.Logging.AddConsole(console =>
        {
            console.FormatterName = LogLines.FormatterName;
            console.LogToStandardErrorThreshold = LogLevel.Trace;
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite; // nobody reads the log: requests do not wait for that
        });
        builder.Services.AddSingleton<ConsoleFormatter, LogLines>();
    }
}
